/* Augmentation that is more than moving whole pixels: against pictures made by SciPy, and the statistics of what it
 * draws. (Shifts, crops and mirror images alone are in test_data_batch.c.) */
#include "data_files.h"

#include "../../runtime/augment.h"
#include "../../runtime/eigen.h"
#include "../../runtime/rng.h"
#include "augment_golden.h"

#include <float.h>
#include <math.h>
#ifdef _OPENMP
#include <omp.h>
#endif

static void pictures_are_those_of_scipy(void **state)
{
    (void)state;
    for (int k = 0; k < GOLDEN_CASES; k++) {
        const struct golden *g = &golden[k];
        int size = GOLDEN_H * GOLDEN_W * g->channels;
        float image[GOLDEN_H * GOLDEN_W * 3];
        nt_augmenter a;
        nt_error err = {""};
        expect_ok(nt_augmenter_init(&a, g->list, g->n, GOLDEN_H, GOLDEN_W, g->channels, &err), &err);
        float *scratch = malloc(a.scratch * sizeof *scratch); /* not a float more: the sanitizers watch */
        for (int i = 0; i < size; i++)
            image[i] = (float)nt_random_uniform(77, (uint64_t)i);
        nt_augment_sample(&a, 1000 + (uint64_t)k, image, scratch);
        for (int i = 0; i < size; i++)
            if (!(fabsf(image[i] - g->result[i]) < 2e-5f))
                fail_msg("case %d, value %d: %.7f, expected %.7f", k, i, (double)image[i], (double)g->result[i]);
        free(scratch);
        nt_augmenter_free(&a);
    }
}

/* Mean, variance, skewness, excess, largest size, and how often a value is beyond 1, 2, 3 and 4: what a normal
 * distribution has. */
static void noise_is_normal(void **state)
{
    (void)state;
    enum { VALUES = 1 << 20 };
    static const nt_augment list[] = {{.kind = NT_AUG_NOISE, .amount = 1}};
    static const double beyond[] = {0.317310508, 0.045500264, 0.002699796, 0.0000633425};
    nt_augmenter a;
    nt_error err = {""};
    expect_ok(nt_augmenter_init(&a, list, 1, 1, 1, VALUES, &err), &err);
    float *x = calloc(VALUES, sizeof *x), *scratch = malloc(a.scratch * sizeof *scratch);
    nt_augment_sample(&a, 9, x, scratch);
    double sums[4] = {0}, neighbours = 0, halves = 0, largest = 0;
    int count[4] = {0};
    for (int i = 0; i < VALUES; i++) {
        double v = (double)x[i], power = v;
        for (int k = 0; k < 4; k++, power *= v)
            sums[k] += power / VALUES;
        for (int k = 0; k < 4; k++)
            count[k] += fabs(v) > k + 1;
        neighbours += i > 0 ? v * (double)x[i - 1] / VALUES : 0;
        halves += i >= 64 ? v * (double)x[i - 64] / VALUES : 0; /* cosine and sine of one pair */
        largest = fmax(largest, fabs(v));
    }
    double off = 4 / sqrt(VALUES); /* four standard deviations of a mean of variance 1 */
    assert_true(fabs(sums[0]) < off);
    assert_true(fabs(sums[1] - 1) < off * sqrt(2));
    assert_true(fabs(sums[2]) < off * sqrt(15));
    assert_true(fabs(sums[3] - 3) < off * sqrt(96));
    assert_true(fabs(neighbours) < off);
    assert_true(fabs(halves) < off);
    assert_true(largest > 4.3 && largest < 5.9);
    for (int k = 0; k < 4; k++)
        assert_true(fabs((double)count[k] / VALUES - beyond[k]) < 4 * sqrt(beyond[k] / VALUES));
    free(x);
    free(scratch);
    nt_augmenter_free(&a);
}

/* Colours that vary along known directions with known variances: the estimate finds them, and what is added to pictures
 * has the covariance std^2 sum_k l_k^2 p_k p_k'. */
static void color_is_along_the_components(void **state)
{
    (void)state;
    enum { SAMPLES = 400, PIXELS = 25 };
    static const nt_augment list[] = {{.kind = NT_AUG_COLOR, .amount = 0.5}};
    static const double direction[3][3] = {{2 / 3., 2 / 3., 1 / 3.}, {-2 / 3., 1 / 3., 2 / 3.}, {1 / 3., -2 / 3., 2 / 3.}};
    static const double spread[3] = {0.3, 0.2, 0.05};
    static float pixels[SAMPLES * PIXELS * 3];
    double covariance[3][3] = {{0}};
    nt_augmenter a;
    nt_error err = {""};
    for (int p = 0; p < SAMPLES * PIXELS; p++)
        for (int i = 0; i < 3; i++) {
            double v = 0.4;
            for (int k = 0; k < 3; k++)
                v += spread[k] * nt_random_normal(5, (uint64_t)(4 * p + k)) * direction[k][i];
            pixels[3 * p + i] = (float)v;
        }
    expect_ok(nt_augmenter_init(&a, list, 1, 5, 5, 3, &err), &err);
    nt_split split = {.count = SAMPLES, .part = {.count = SAMPLES, .values = pixels}};
    expect_ok(nt_augmenter_estimate(&a, &split, &err), &err);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++) /* up to sign; 10,000 pixels give a variance to some percent */
            assert_true(fabs(fabs(a.color[k][i]) - spread[k] * spread[k] * fabs(direction[k][i])) <
                        0.06 * spread[k] * spread[k]);
    enum { DRAWS = 20000 };
    float image[75], *scratch = malloc(a.scratch * sizeof *scratch);
    for (uint64_t key = 0; key < DRAWS; key++) {
        memset(image, 0, sizeof image);
        nt_augment_sample(&a, key, image, scratch);
        assert_memory_equal(image, image + 72, 3 * sizeof *image); /* one colour for the whole picture */
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                covariance[i][j] += (double)image[i] * (double)image[j] / DRAWS;
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            double wanted = 0;
            for (int k = 0; k < 3; k++)
                wanted += 0.25 * a.color[k][i] * a.color[k][j];
            assert_true(fabs(covariance[i][j] - wanted) < 0.05 * 0.25 * pow(0.3, 4));
        }
    free(scratch);
    nt_augmenter_free(&a);
}

/* Angles, factors and displacements fill their ranges evenly: seen from where a bright pixel goes. */
static void ranges_are_filled(void **state)
{
    (void)state;
    enum { SIDE = 65, DRAWS = 3000, BINS = 6 };
    static const nt_augment rotate[] = {{.kind = NT_AUG_ROTATE, .amount = 30}};
    static float image[SIDE * SIDE];
    int bins[BINS] = {0};
    nt_augmenter a;
    nt_error err = {""};
    expect_ok(nt_augmenter_init(&a, rotate, 1, SIDE, SIDE, 1, &err), &err);
    float *scratch = malloc(a.scratch * sizeof *scratch);
    for (uint64_t key = 0; key < DRAWS; key++) {
        memset(image, 0, sizeof image);
        for (int y = -1; y <= 1; y++)
            for (int x = -1; x <= 1; x++)
                image[(32 + y) * SIDE + 62 + x] = 1; /* 30 pixels to the right of the centre */
        nt_augment_sample(&a, key, image, scratch);
        double sx = 0, sy = 0, all = 0;
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                sx += (double)image[y * SIDE + x] * (x - 32);
                sy += (double)image[y * SIDE + x] * (y - 32);
                all += (double)image[y * SIDE + x];
            }
        double angle = atan2(sy, sx) * 180 / 3.14159265358979;
        assert_true(fabs(angle) < 30.5 && fabs(all - 9) < 0.5 && fabs(hypot(sx, sy) / all - 30) < 0.3);
        int bin = (int)((angle + 30) / 60 * BINS);
        bins[bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin]++;
    }
    for (int i = 0; i < BINS; i++)
        assert_in_range(bins[i], DRAWS / BINS - 100, DRAWS / BINS + 100);
    free(scratch);
    nt_augmenter_free(&a);
}

static void lists_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const nt_augment rotate[] = {{.kind = NT_AUG_ROTATE, .amount = 10}}, color[] = {{.kind = NT_AUG_COLOR}};
    static const nt_augment blur[] = {{.kind = NT_AUG_BLUR, .sigma = 1e9}};
    nt_augmenter a;
    nt_error err = {""};
    expect_message(nt_augmenter_init(&a, rotate, 1, 1, 1, 5, &err), &err, "augment = rotate needs images", NULL);
    expect_message(nt_augmenter_init(&a, color, 1, 5, 5, 1, &err), &err, "color needs images of 3 channels", NULL);
    expect_message(nt_augmenter_init(&a, blur, 1, 5, 5, 1, &err), &err, "augment = blur: 0 and 1e+09", NULL);
}

/* The same sample is the same picture wherever the batches are cut, for any number of threads, also more than there
 * were when the pass began. */
static void pictures_do_not_depend_on_cuts_or_threads(void **state)
{
    const folder *f = *state;
    enum { SAMPLES = 40, SIZE = 10 * 12 * 3 };
    static const nt_augment list[] = {{.kind = NT_AUG_ROTATE, .amount = 20},
                                      {.kind = NT_AUG_DISTORT, .amount = 20, .sigma = 2},
                                      {.kind = NT_AUG_COLOR, .amount = 0.1},
                                      {.kind = NT_AUG_NOISE, .amount = 0.05}};
    static const nt_data_config config = {
        .source = NT_SOURCE_NPY, .normalize = NT_NORM_STANDARDIZE, .augment = list, .n_augment = 4};
    static uint8_t raw[SAMPLES * SIZE], file[SAMPLES * SIZE + 256], labels[SAMPLES];
    static float whole[SAMPLES * SIZE], cut[SAMPLES * SIZE];
    nt_error err = {""};
    nt_data d;
    nt_epoch e;
    for (uint64_t i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)nt_random_below(3, i, 256);
    write_file(path_in(f, "x_train.npy"), file, npy_bytes(file, "|u1", "(40, 10, 12, 3)", raw, sizeof raw));
    write_file(path_in(f, "y_train.npy"), file, npy_bytes(file, "|u1", "(40,)", labels, sizeof labels));
    nt_data_request q = {.config = &config, .path = f->path, .h = 10, .w = 12, .c = 3, .outputs = 2, .parts = NT_PART_TRAIN};
    expect_ok(nt_data_load(&q, &d, &err), &err);
#ifdef _OPENMP
    omp_set_num_threads(2);
#endif
    expect_ok(nt_epoch_begin(&e, &d, &d.train, true, 5, 3, &err), &err);
    nt_data_batch(&e, 0, SAMPLES, whole, NULL, NULL);
    for (int threads = 1; threads <= 5; threads++) {
        memset(cut, 0, sizeof cut);
        for (int first = 0, n; first < SAMPLES; first += n) {
            n = SAMPLES - first < 3 + threads ? SAMPLES - first : 3 + threads;
#pragma omp parallel num_threads(threads)
            nt_data_batch(&e, first, n, cut + first * SIZE, NULL, NULL);
        }
        assert_memory_equal(whole, cut, sizeof whole);
    }
    nt_epoch_end(&e);
    expect_ok(nt_epoch_begin(&e, &d, &d.train, true, 5, 4, &err), &err);
    nt_data_batch(&e, 0, SAMPLES, cut, NULL, NULL);
    assert_memory_not_equal(whole, cut, sizeof whole);
    nt_epoch_end(&e);
    nt_data_free(&d);
}

/* A = sum of l_k q_k q_k' for known l and q, and matrices that are awkward: of rank one, diagonal, of equal values. */
static void eigenvectors_are_eigenvectors(void **state)
{
    (void)state;
    enum { LARGEST = 90 };
    static double a[LARGEST * LARGEST], copy[LARGEST * LARGEST];
    double values[LARGEST];
    nt_error err = {""};
    for (int n = 1; n <= LARGEST; n = n < 8 ? n + 1 : 2 * n + 7)
        for (int kind = 0; kind < 4; kind++) {
            double size = 0;
            for (int i = 0; i < n; i++)
                for (int j = 0; j <= i; j++) {
                    double x = nt_random_normal(1, (uint64_t)i), y = nt_random_normal(1, (uint64_t)j);
                    a[i * n + j] = kind == 0   ? nt_random_normal(2, (uint64_t)(i * n + j))
                                   : kind == 1 ? x * y
                                   : i == j    ? (kind == 2 ? x : 3)
                                               : 0;
                    a[j * n + i] = a[i * n + j];
                    size = fmax(size, fabs(a[i * n + j]));
                }
            memcpy(copy, a, sizeof a);
            expect_ok(nt_eigen(a, n, values, &err), &err);
            double near = 100 * n * DBL_EPSILON;
            for (int k = 0; k < n; k++) {
                assert_true(k == 0 || values[k] <= values[k - 1]);
                for (int i = 0; i < n; i++) {
                    double product = 0, along = 0;
                    for (int j = 0; j < n; j++) {
                        product += copy[i * n + j] * a[k * n + j];
                        along += a[i * n + j] * a[k * n + j];
                    }
                    assert_true(fabs(product - values[k] * a[k * n + i]) <= near * size);
                    assert_true(fabs(along - (i == k)) <= near);
                }
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_those_of_scipy),
        cmocka_unit_test(noise_is_normal),
        cmocka_unit_test(color_is_along_the_components),
        cmocka_unit_test(ranges_are_filled),
        cmocka_unit_test(lists_that_do_not_fit_are_refused),
        cmocka_unit_test_setup_teardown(pictures_do_not_depend_on_cuts_or_threads, make_folder, remove_folder),
        cmocka_unit_test(eigenvectors_are_eigenvectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
