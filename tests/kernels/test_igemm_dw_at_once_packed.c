/* test_igemm_dw_at_once_packed.c - test_igemm_dw_at_once.c for the form of the kernel that packs x. */
static int K_X_P;
#define K_X_P K_X_P /* tells the kernel so */

#include "test_igemm_dw_at_once.c"
