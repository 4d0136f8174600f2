/* test_igemm_dw_at_once_packed.c - test_igemm_dw_at_once.c for the form of the kernel that packs x. */
#define K_PACK 1 /* tells the kernel so */

#include "test_igemm_dw_at_once.c"
