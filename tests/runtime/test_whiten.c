/* Whitening: against NumPy's matrices, by what it is for, and through a file of weights. */
#include "data_files.h"

#include "../../runtime/rng.h"
#include "../../runtime/weights.h"
#include "../../runtime/whiten.h"
#include "whiten_golden.h"

#include <math.h>

static float golden_values[GOLDEN_SAMPLES * GOLDEN_SIZE];

/* As make_whiten_golden.py does it. */
static nt_split golden_samples(void)
{
    for (int s = 0; s < GOLDEN_SAMPLES; s++)
        for (int i = 0; i < GOLDEN_SIZE; i++) {
            double x = i;
            for (int j = 0; j < GOLDEN_SIZE; j++)
                x += sin(1.7 * s + 2.3 * j + 0.37 * s * j) * cos(1.3 * i * j + 1.9 * j + 0.5 * i) * pow(0.8, j);
            golden_values[s * GOLDEN_SIZE + i] = (float)x;
        }
    return (nt_split){.count = GOLDEN_SAMPLES, .part = {.count = GOLDEN_SAMPLES, .values = golden_values}};
}

static void matrices_are_those_of_numpy(void **state)
{
    (void)state;
    nt_split split = golden_samples();
    for (int pca = 0; pca < 2; pca++) {
        const float *golden = pca ? golden_pca : golden_zca;
        nt_data_config config = {.normalize = NT_NORM_WHITEN, .whiten_pca = pca, .whiten_eps = golden_eps};
        nt_normalizer z;
        nt_error err = {""};
        expect_ok(nt_normalizer_init(&z, &config, 1, 1, GOLDEN_SIZE, &err), &err);
        assert_false(z.ready);
        expect_ok(nt_normalizer_estimate(&z, &split, &err), &err);
        assert_true(z.ready);
        for (int i = 0; i < GOLDEN_SIZE * GOLDEN_SIZE; i++)
            if (!(fabsf(z.matrix[i] - golden[i]) < 2e-5f * (1 + fabsf(golden[i]))))
                fail_msg("pca %d, element %d: %.7g, expected %.7g", pca, i, (double)z.matrix[i], (double)golden[i]);
        nt_normalizer_free(&z);
    }
}

enum { SAMPLES = 500, H = 5, W = 4, C = 3, SIZE = H * W * C };

/* Pictures whose pixels have much in common; the corner is black in all of them, or as good as. */
static void write_pictures(const folder *f, bool bytes)
{
    static uint8_t file[SAMPLES * SIZE * 4 + 256], labels[SAMPLES], raw[SAMPLES * SIZE];
    static float values[SAMPLES * SIZE];
    for (int s = 0; s < SAMPLES; s++)
        for (int i = 0; i < SIZE; i++) {
            double v = 0.5 + 0.1 * nt_random_normal(1, (uint64_t)s) + 0.1 * nt_random_normal(2, (uint64_t)(s * 40 + i / 2)) +
                       0.05 * nt_random_normal(3, (uint64_t)(s * SIZE + i));
            v = i < C ? 0 : fmin(fmax(v, 0), 1);
            values[s * SIZE + i] = i == 0 ? (float)(1e-4 * nt_random_normal(4, (uint64_t)s)) : (float)(7 * v - 2);
            raw[s * SIZE + i] = (uint8_t)(255 * v);
        }
    write_file(path_in(f, "x_train.npy"), file,
               bytes ? npy_bytes(file, "|u1", "(500, 5, 4, 3)", raw, sizeof raw)
                     : npy_bytes(file, "<f4", "(500, 5, 4, 3)", values, sizeof values));
    write_file(path_in(f, "y_train.npy"), file, npy_bytes(file, "|u1", "(500,)", labels, sizeof labels));
}

/* Everything that a pass gives, in batches of n, by so many threads. */
static void read_pass(const nt_data *d, const nt_split *split, bool training, int n, int threads, float *x)
{
    nt_epoch e;
    nt_error err = {""};
    expect_ok(nt_epoch_begin(&e, d, split, training, 1, 0, &err), &err);
    for (int64_t first = 0; first < split->count; first += n)
#pragma omp parallel num_threads(threads)
        nt_data_batch(&e, first, split->count - first < n ? (int)(split->count - first) : n, x + first * SIZE, NULL, NULL);
    nt_epoch_end(&e);
}

/* Without eps, the covariance of the result is the identity, less the directions that do not vary: here the three values
 * of the corner. The same with another cut and another number of threads. */
static void results_are_white(void **state)
{
    const folder *f = *state;
    static float x[SAMPLES * SIZE], again[SAMPLES * SIZE];
    for (int bytes = 0; bytes < 2; bytes++)
        for (int pca = 0; pca < 2; pca++) {
            nt_data_config config = {
                .source = NT_SOURCE_NPY, .normalize = NT_NORM_WHITEN, .whiten_pca = pca, .validation_count = 60};
            nt_data_request q = {.config = &config, .path = f->path, .h = H, .w = W, .c = C, .outputs = 2,
                                 .parts = NT_PART_TRAIN};
            nt_error err = {""};
            nt_data d;
            write_pictures(f, bytes);
            expect_ok(nt_data_load(&q, &d, &err), &err);
            read_pass(&d, &d.train, false, 100, 1, x);
            double trace = 0;
            int64_t n = d.train.count;
            for (int i = 0; i < SIZE; i++)
                for (int j = 0; j < SIZE; j++) {
                    double mean = 0, product = 0, one = i == j && (pca ? i < SIZE - C : i >= C);
                    for (int64_t s = 0; s < n; s++) {
                        mean += (double)x[s * SIZE + i] / (double)n;
                        product += (double)x[s * SIZE + i] * (double)x[s * SIZE + j] / (double)n;
                    }
                    trace += i == j ? product : 0;
                    assert_true(fabs(mean) < 1e-4 && fabs(product - one) < 1e-3);
                }
            assert_true(fabs(trace - (SIZE - C)) < 0.01);
            read_pass(&d, &d.train, false, 7, 3, again);
            assert_memory_equal(x, again, (size_t)n * SIZE * sizeof *x);
            /* What was not seen is centred and turned alike: y = matrix * (x - mean). */
            read_pass(&d, &d.validation, false, 60, 2, x);
            for (int i = 0; i < SIZE; i++) {
                double y = 0, value;
                for (int j = 0; j < SIZE; j++) {
                    int64_t at = d.validation.index[9] * SIZE + j;
                    value = bytes ? d.train_part.bytes[at] / 255.0 : (double)d.train_part.values[at];
                    y += (double)d.normalizer.matrix[i * SIZE + j] * (value - d.normalizer.mean[j]);
                }
                assert_true(fabs(y - (double)x[9 * SIZE + i]) < 1e-4);
            }
            nt_data_free(&d);
        }
}

/* After augmentation, and with memory of its own beside it. */
static void augmented_samples_are_whitened(void **state)
{
    const folder *f = *state;
    static const nt_augment list[] = {{.kind = NT_AUG_ROTATE, .amount = 20}};
    static float raw[SAMPLES * SIZE], x[SAMPLES * SIZE];
    nt_data_config config = {
        .source = NT_SOURCE_NPY, .whiten_eps = 0.1, .augment = list, .n_augment = 1};
    nt_data_request q = {.config = &config, .path = f->path, .h = H, .w = W, .c = C, .outputs = 2, .parts = NT_PART_TRAIN};
    nt_error err = {""};
    nt_data d;
    write_pictures(f, true);
    expect_ok(nt_data_load(&q, &d, &err), &err);
    read_pass(&d, &d.train, true, 100, 2, raw);
    nt_data_free(&d);
    config.normalize = NT_NORM_WHITEN;
    expect_ok(nt_data_load(&q, &d, &err), &err);
    read_pass(&d, &d.train, true, 33, 2, x);
    for (int s = 0; s < SAMPLES; s += 7)
        for (int i = 0; i < SIZE; i++) {
            double y = 0;
            for (int j = 0; j < SIZE; j++)
                y += (double)d.normalizer.matrix[i * SIZE + j] * ((double)raw[s * SIZE + j] - d.normalizer.mean[j]);
            assert_true(fabs(y - (double)x[s * SIZE + i]) < 1e-4);
        }
    nt_data_free(&d);
}

static void weights_files_hold_the_matrix(void **state)
{
    const folder *f = *state;
    static const nt_model model = {.name = "net", .hash = "0123456789abcdef"};
    nt_data_config config = {.normalize = NT_NORM_WHITEN, .whiten_eps = 0.1};
    nt_split split = golden_samples();
    nt_normalizer from, to;
    nt_weights weights;
    nt_error err = {""};
    bool found;
    const char *path = path_in(f, "w.safetensors");
    expect_ok(nt_normalizer_init(&from, &config, 1, 1, GOLDEN_SIZE, &err), &err);
    expect_ok(nt_normalizer_estimate(&from, &split, &err), &err);
    json_t *metadata = nt_weights_metadata(&model, &from, NULL, 0);
    expect_ok(nt_weights_save(&model, NULL, metadata, path, NT_SURVIVES_MACHINE, &err), &err);
    json_decref(metadata);

    expect_ok(nt_weights_load(&weights, &model, path, NULL, &err), &err);
    expect_ok(nt_normalizer_init(&to, &config, 1, 1, GOLDEN_SIZE, &err), &err);
    expect_ok(nt_weights_normalizer(&weights, &to, &found, &err) && found && to.ready, &err);
    assert_memory_equal(from.matrix, to.matrix, sizeof golden_zca);
    assert_memory_equal(from.mean, to.mean, GOLDEN_SIZE * sizeof *from.mean);
    nt_normalizer_free(&to);

    /* Damaged, or of another network. */
    expect_ok(nt_normalizer_init(&to, &config, 1, 1, GOLDEN_SIZE - 1, &err), &err);
    expect_message(nt_weights_normalizer(&weights, &to, &found, &err), &err, "netc.preprocessing", "not valid", NULL);
    nt_normalizer_free(&to);
    expect_ok(nt_normalizer_init(&to, &config, 1, 1, GOLDEN_SIZE, &err), &err);
    char *text = strdup(json_string_value(json_object_get(weights.preprocessing, "matrix")));
    text[17] = '*';
    json_object_set_new(weights.preprocessing, "matrix", json_string(text));
    expect_message(nt_weights_normalizer(&weights, &to, &found, &err), &err, "not valid", NULL);
    memcpy(text + 32, "AADAfwAA", 8); /* a NaN among the values */
    text[17] = 'A';
    json_object_set_new(weights.preprocessing, "matrix", json_string(text));
    expect_message(nt_weights_normalizer(&weights, &to, &found, &err), &err, "not finite", NULL);
    free(text);
    nt_normalizer_free(&to);
    nt_normalizer_free(&from);
    nt_weights_free(&weights);

    expect_message(nt_normalizer_init(&to, &config, 65, 64, 1, &err), &err, "at most 4096", "4160", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_are_those_of_numpy),
        cmocka_unit_test_setup_teardown(results_are_white, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(augmented_samples_are_whitened, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(weights_files_hold_the_matrix, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
