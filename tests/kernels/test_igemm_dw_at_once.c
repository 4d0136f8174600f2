/* test_igemm_dw_at_once.c - igemm_dw.k.c with the optimizer's step in it, against the same kernel without, followed by optimizer.k.c:
 * parameters, state and the bias's gradient have the same bits for any blocks, slices and threads, and the squares sum up to the
 * gradient's. The rule is Nesterov's, whose state counts, with noise and decay, which depend on the place. */
#include "igemm_dw_shapes.h"

#include "../../runtime/emitted.h"

static size_t K_SLOT;
#define K_CHUNKS 1
#define K_NESTEROV 1
#define K_NOISE 1
#define K_COUPLED 1
#define K_CLIP_VALUE 0.0
#define K_CLIP_SIGN 0.0
#define K_STATES 1

#define k_main optimizer
#include "../../runtime/kernels/momentum.k.c"
#include "../../runtime/kernels/step.k.c"
#include "../../runtime/kernels/optimizer.k.c"
#undef k_main

#define k_main stored
#include "../../runtime/kernels/igemm_dw.k.c"
#undef k_main

#define K_AT_ONCE 1
#define k_main at_once
#define k_tile at_once_tile
#define k_rows at_once_rows
#define k_any at_once_any
#define k_rows_of at_once_rows_of
#define k_rows_of_last at_once_rows_of_last
#define k_pixels at_once_pixels
#define k_places at_once_places
#define k_pack_x at_once_pack_x
#define k_pack_dy at_once_pack_dy
#define k_first_block at_once_first_block
#include "../../runtime/kernels/igemm_dw.k.c"

enum { PLACE = 3 * 64 }; /* of the weights among the parameters, which have others around them */

static const double lr_scale = 0.5, decay = 0.01, l1 = 0.001;

/* A model of which one product's weights are trained. */
typedef struct model {
    size_t n_w, n_b, n_squares;
    real *params, *state, *bias;
    double *squares;
    nt_pass pass;
} model;

static real *random_block(size_t n, uint64_t key)
{
    real *block = allocate(n * sizeof *block);
    for (size_t i = 0; i < n; i++)
        block[i] = (real)((double)nt_uniform_bits(key, i) / (1 << 24) - 0.5);
    return block;
}

static model new_model(const layer *l)
{
    model m = {.n_w = (size_t)(l->kh * l->kw * l->ci * l->co_padded), .n_b = (size_t)(K_BIAS ? l->co_padded : 0)};
    const int panels = (K_CO + K_NR - 1) / K_NR, rows = K_TAPS * K_RUN;
    K_SLOT = m.n_w + 2 * PLACE;
    m.n_squares = (size_t)((panels + K_PB - 1) / K_PB) * (size_t)((rows + K_KS - 1) / K_KS);
    m.params = random_block(K_SLOT, 5);
    m.state = random_block(K_SLOT, 6);
    m.bias = random_block(m.n_b, 7);
    m.squares = allocate(m.n_squares * sizeof *m.squares);
    m.pass = (nt_pass){.params = m.params, .state = m.state, .lr = 0.125, .momentum = 0.75, .clip_scale = 1, .noise = 0.01, .seed = 3,
                       .step = 9, .update_step = 1, .decay_scale = 1, .l1_scale = 1, .squares = m.squares};
    return m;
}

static void free_model(model *m)
{
    free(m->params);
    free(m->state);
    free(m->bias);
    free(m->squares);
}

static void check_layer(const layer *l)
{
    tensor x = new_tensor(l->n, l->h, l->w, round_up(l->ci, VL), l->ph, l->pw);
    tensor dy = new_tensor(l->n, l->oh, l->ow, l->co_padded, random_int(0, 2), random_int(0, 2));
    fill_tensor(&x, l->n, l->h, l->w, 0, l->ci, 1);
    fill_tensor(&dy, l->n, l->oh, l->ow, 0, l->co, 1);
    set_constants(l, &x, &dy);
    const real *first = x.base - l->ph * x.r - l->pw * x.p;

    model expected = new_model(l);
    real *grads = allocate(K_SLOT * sizeof *grads);
    stored(l->n, first, dy.base, grads + PLACE, expected.bias, NULL);
    expected.pass.grads = grads;
    optimizer(&expected.pass, PLACE, PLACE + expected.n_w, lr_scale, decay, l1);
    double square = 0;
    for (size_t i = PLACE; i < PLACE + expected.n_w; i++)
        square += (double)grads[i] * (double)grads[i];

    for (int threads = 1; threads <= 3; threads++) {
        model m = new_model(l);
#pragma omp parallel num_threads(threads)
        at_once(l->n, first, dy.base, &m.pass, PLACE, lr_scale, decay, l1, m.squares, m.bias);
        assert_memory_equal(expected.params, m.params, K_SLOT * sizeof(real));
        assert_memory_equal(expected.state, m.state, K_SLOT * sizeof(real));
        assert_memory_equal(expected.bias, m.bias, m.n_b * sizeof(real));
        double sum = 0;
        for (size_t i = 0; i < m.n_squares; i++)
            sum += m.squares[i];
        assert_true(fabs(sum - square) <= 1e-12 * square);
        free_model(&m);
    }
    free(grads);
    free_model(&expected);
    free(x.memory);
    free(dy.memory);
}

static void test_dense(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        layer l = {.n = random_int(1, 150), .h = random_int(1, 4), .w = random_int(1, 4), .ci = random_int(1, 150),
                   .co = random_int(1, 100), .groups = 1, .sh = 1, .sw = 1, .dh = 1, .dw = 1};
        l.kh = l.h;
        l.kw = l.w;
        finish_layer(&l);
        check_layer(&l);
    }
}

static void test_convolutions(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        layer l = random_layer();
        if (l.groups == 1)
            check_layer(&l);
    }
}

/* Without a place to leave them, squares are not worked out. */
static void test_no_squares(void **state)
{
    (void)state;
    layer l = {.n = 5, .h = 1, .w = 1, .kh = 1, .kw = 1, .ci = 20, .co = 20, .groups = 1, .sh = 1, .sw = 1, .dh = 1, .dw = 1};
    finish_layer(&l);
    tensor x = new_tensor(l.n, 1, 1, round_up(l.ci, VL), 0, 0), dy = new_tensor(l.n, 1, 1, l.co_padded, 0, 0);
    fill_tensor(&x, l.n, 1, 1, 0, l.ci, 1);
    fill_tensor(&dy, l.n, 1, 1, 0, l.co, 1);
    set_constants(&l, &x, &dy);
    model with = new_model(&l), without = new_model(&l);
    at_once(l.n, x.base, dy.base, &with.pass, PLACE, lr_scale, decay, l1, with.squares, with.bias);
    at_once(l.n, x.base, dy.base, &without.pass, PLACE, lr_scale, decay, l1, NULL, without.bias);
    assert_memory_equal(with.params, without.params, K_SLOT * sizeof(real));
    free_model(&with);
    free_model(&without);
    free(x.memory);
    free(dy.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_no_squares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
