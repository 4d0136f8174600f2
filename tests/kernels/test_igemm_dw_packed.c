/* test_igemm_dw_packed.c - test_igemm_dw.c for the form of the kernel that packs x. */
static int K_X_P;
#define K_X_P K_X_P /* tells the kernel so */

#include "test_igemm_dw.c"
