/* test_igemm_flat.c - test_igemm.c for the form of the kernel whose hooks count pixels, and whose functions are inlined. */
#define K_FLAT 1 /* tells the kernel so */
#define K_SHORT 1

#include "test_igemm.c"
