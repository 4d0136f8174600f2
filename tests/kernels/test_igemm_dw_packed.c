/* test_igemm_dw_packed.c - test_igemm_dw.c for the form of the kernel that packs x. */
#define K_PACK 1 /* tells the kernel so */

#include "test_igemm_dw.c"
