/* test_winograd_dw_chunks.c - the tests of test_winograd_dw.c for the kernel that cuts tiles into chunks. */
static int K_CHUNKS;
#define K_CHUNKS K_CHUNKS

#include "test_winograd_dw.c"
