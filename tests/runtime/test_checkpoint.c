/* test_checkpoint.c - the trainer as its users meet it: runs that are stopped, resumed, and put under strain, on
 * toy_model.c.
 *
 * usage: test_checkpoint PATH_OF_THE_TOY_TRAINER */
#define _XOPEN_SOURCE 700
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../runtime/safetensors.h"
#include "../../runtime/trainer.h"

static const char *toy;
static char folder[] = "/tmp/nt_checkpoint_XXXXXX";

enum { MOST_ARGUMENTS = 24, TEXT = 65536, NO_LIMIT = 0 };

/* -- Running the trainer ----------------------------------------------------------------------------------------- */

/* Starts the trainer in the folder, with its output in out.txt and err.txt, and files limited to `limit` bytes. */
static pid_t start(long limit, const char *const *arguments)
{
    const char *argv[MOST_ARGUMENTS + 2] = {toy};
    int n = 0;
    while (arguments[n]) {
        assert_true(n < MOST_ARGUMENTS);
        argv[n + 1] = arguments[n];
        n++;
    }
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct rlimit most = {.rlim_cur = (rlim_t)limit, .rlim_max = (rlim_t)limit};
    int out = open("out.txt", O_WRONLY | O_CREAT | O_TRUNC, 0666),
        err = open("err.txt", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (out < 0 || err < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 ||
        (limit > 0 && setrlimit(RLIMIT_FSIZE, &most) != 0))
        _exit(99);
    execv(toy, (char *const *)(void *)argv);
    _exit(98);
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define RUN(...) wait_for(start(NO_LIMIT, (const char *const[]){__VA_ARGS__, NULL}))

static const char *text_of(const char *name)
{
    static char text[TEXT];
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void says(const char *name, const char *what)
{
    if (!strstr(text_of(name), what))
        fail_msg("%s should say '%s', not:\n%s", name, what, text_of(name));
}

static int lines_of(const char *name)
{
    FILE *file = fopen(name, "rb");
    int lines = 0, c;
    if (!file)
        return 0;
    while ((c = getc(file)) != EOF)
        lines += c == '\n';
    fclose(file);
    return lines;
}

/* -- Comparing runs ---------------------------------------------------------------------------------------------- */

static void same_bytes(const char *a, const char *b)
{
    char command[512];
    snprintf(command, sizeof command, "cmp -s '%s' '%s'", a, b);
    if (system(command) != 0)
        fail_msg("%s and %s differ", a, b);
}

static void same_weights(const char *a, const char *b)
{
    static const char *const names[] = {"best.safetensors", "last.safetensors"};
    char one[256], other[256];
    for (int i = 0; i < 2; i++) {
        snprintf(one, sizeof one, "%s/%s", a, names[i]);
        snprintf(other, sizeof other, "%s/%s", b, names[i]);
        same_bytes(one, other);
    }
}

/* The optimizer's state, bit for bit. (The rest of the file tells times, which differ.) */
static void same_state(const char *a, const char *b)
{
    char path[256];
    nt_tensors one, other;
    nt_error error = {0};
    snprintf(path, sizeof path, "%s/state.safetensors", a);
    assert_true(nt_tensors_read(&one, path, &error));
    snprintf(path, sizeof path, "%s/state.safetensors", b);
    assert_true(nt_tensors_read(&other, path, &error));
    assert_int_equal(one.n, other.n);
    bool momentum = false;
    for (size_t i = 0; i < one.n; i++) {
        const nt_tensor *tensor = nt_tensors_find(&other, one.list[i].name);
        assert_non_null(tensor);
        assert_int_equal(tensor->count, one.list[i].count);
        assert_memory_equal(tensor->data, one.list[i].data, tensor->count * 4);
        momentum = momentum || strcmp(one.list[i].name, "optimizer.0.dense1.weight") == 0;
    }
    assert_true(momentum);
    nt_tensors_free(&one);
    nt_tensors_free(&other);
}

/* Log lines agree but for the seconds, which stand last. */
static void same_log(const char *a, const char *b)
{
    char one[1024], other[1024];
    FILE *file = fopen(a, "r"), *second = fopen(b, "r");
    assert_true(file && second);
    while (fgets(one, sizeof one, file)) {
        assert_non_null(fgets(other, sizeof other, second));
        char *end = strstr(one, "\"seconds\"");
        assert_non_null(end);
        assert_memory_equal(one, other, (size_t)(end - one));
    }
    assert_null(fgets(other, sizeof other, second));
    fclose(file);
    fclose(second);
}

/* -- Tests ------------------------------------------------------------------------------------------------------- */

#define EPOCHS "60"

static void trains_and_says_so(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--epochs", EPOCHS, "--out", "whole", "--threads", "1"), NT_OK);
    says("err.txt", "toy  75 parameters  generic  1 thread");
    says("err.txt", "epoch 60/60  loss ");
    says("out.txt", "test  loss ");
    assert_int_equal(lines_of("whole/log.jsonl"), 60);
    says("whole/log.jsonl", "{\"epoch\":1,\"step\":23,\"train_loss\":");
    says("whole/log.jsonl", "\"val_loss\":");
    says("whole/log.jsonl", "\"val_accuracy\":");
    says("whole/log.jsonl", "\"grad_norm\":");
    assert_null(strchr(text_of("err.txt"), '\033'));
}

static void threads_change_nothing(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--epochs", EPOCHS, "--out", "threads", "--threads", "3"), NT_OK);
    same_weights("whole", "threads");
    same_log("whole/log.jsonl", "threads/log.jsonl");
}

static void seeds_change_everything(void **state)
{
    (void)state;
    char command[] = "cmp -s whole/last.safetensors seed/last.safetensors";
    assert_int_equal(RUN("train", "--epochs", EPOCHS, "--out", "seed", "--seed", "8"), NT_OK);
    assert_int_not_equal(system(command), 0);
}

/* Signals the run once it is in an epoch after the `lines`-th. Returns the exit status. */
static int interrupt(const char *const *arguments, const char *log, int lines, int number)
{
    pid_t pid = start(NO_LIMIT, arguments);
    struct timespec pause = {.tv_nsec = 200000};
    for (int i = 0; i < 50000 && lines_of(log) < lines; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(kill(pid, number), 0);
    return wait_for(pid);
}

static void interrupted_runs_go_on_bit_for_bit(void **state)
{
    (void)state;
    static const char *const first[] = {"train", "--epochs", EPOCHS, "--out", "parts", "--threads", "1", NULL};
    static const char *const again[] = {"train", "--resume", "--out", "parts", "--threads", "1", NULL};
    int interrupts = 0, status = interrupt(first, "parts/log.jsonl", 3, SIGINT);
    for (int lines = 10; status == NT_INTERRUPTED; lines += 13) {
        says("err.txt", "everything is saved in parts");
        says("err.txt", "--resume");
        interrupts++;
        status = interrupt(again, "parts/log.jsonl", lines, interrupts % 2 ? SIGTERM : SIGINT);
    }
    /* The last signal may come when the run has ended by itself. */
    assert_int_equal(status, NT_OK);
    assert_true(interrupts >= 2);
    same_weights("whole", "parts");
    same_state("whole", "parts");
    same_log("whole/log.jsonl", "parts/log.jsonl");
}

static void finished_runs_can_be_extended(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--resume", "--out", "parts"), NT_OK);
    says("err.txt", "has finished its 60 epochs");
    assert_int_equal(RUN("train", "--resume", "--out", "parts", "--epochs", "62", "--lr", "0.05"), NT_OK);
    says("err.txt", "note: --epochs is now 62, was 60");
    says("err.txt", "note: --lr is now 0.05, was 0.1");
    says("err.txt", "epoch 62/62");
    assert_int_equal(lines_of("parts/log.jsonl"), 62);
}

static void seed_cannot_change_midway(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--resume", "--out", "parts", "--seed", "9"), NT_USAGE);
    says("err.txt", "began with seed 7");
    assert_int_equal(RUN("train", "--resume", "--out", "parts", "--weights", "whole/best.safetensors"), NT_USAGE);
    assert_int_equal(RUN("train", "--resume", "--out", "nowhere"), NT_FAILED);
    says("err.txt", "there is no run to resume");
}

static void a_new_run_says_what_it_replaces(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--out", "parts", "--epochs", "1"), NT_OK);
    says("err.txt", "note: replacing the run in parts (62 of 62 epochs)");
}

/* Everything in the folders agrees, also what files there are. */
static void same_folders(const char *a, const char *b)
{
    char command[512];
    snprintf(command, sizeof command, "diff -r '%s' '%s'", a, b);
    if (system(command) != 0)
        fail_msg("%s and %s differ", a, b);
}

/* What ends a new run before it has anything to save leaves the run that it was to replace as it was; nothing is said of
 * replacing before it is certain that there is something to train. */
static void a_run_that_fails_replaces_nothing(void **state)
{
    (void)state;
    static const char *const files[] = {"state", "last", "best"};
    char command[128];
    assert_int_equal(system("cp -r whole old && cp -r whole old.kept"), 0);
    assert_int_equal(RUN("train", "--out", "old", "--weights", "nowhere"), NT_FAILED);
    assert_null(strstr(text_of("err.txt"), "replacing"));
    assert_int_equal(RUN("train", "--out", "old", "--epochs", "none"), NT_USAGE);
    assert_int_equal(RUN("train", "--out", "old", "--log", "nowhere/log"), NT_ENVIRONMENT);
    assert_null(strstr(text_of("err.txt"), "replacing"));
    assert_int_equal(RUN("train", "--out", "old", "--lr", "1e38"), NT_FAILED);
    says("err.txt", "note: nothing was saved: the earlier run in old is as it was");
    same_folders("old", "old.kept");
    for (int i = 0; i < 3; i++) { /* full when it comes to this file */
        snprintf(command, sizeof command, "ln -s /dev/full old/%s.safetensors.tmp", files[i]);
        assert_int_equal(system(command), 0);
        assert_int_equal(RUN("train", "--out", "old", "--epochs", "1"), NT_ENVIRONMENT);
        says("err.txt", "the earlier run in old is as it was");
        same_folders("old", "old.kept");
    }
    /* Full at first only: what is best is looked for among what could be saved. */
    assert_int_equal(system("ln -s /dev/full old/best.safetensors.tmp"), 0);
    assert_int_equal(RUN("train", "--out", "old", "--epochs", "2"), NT_OK);
    same_bytes("old/best.safetensors", "old/last.safetensors");
    says("out.txt", "best  epoch 2  old/best.safetensors");
    assert_int_equal(lines_of("old/log.jsonl"), 2);
    assert_int_equal(system("sed s/00000000000000aa/00000000000000ab/ whole/state.safetensors > old/state.safetensors"), 0);
    assert_int_equal(RUN("train", "--out", "old", "--epochs", "1"), NT_OK);
    says("err.txt", "note: replacing the run in old (of another model)\n");
}

static void no_room_on_the_disk_loses_nothing(void **state)
{
    (void)state;
    char command[] = "cp -r whole full && cp -r whole kept";
    assert_int_equal(system(command), 0);
    const char *arguments[] = {"train", "--resume", "--out", "full", "--epochs", "63", NULL};
    assert_int_equal(wait_for(start(500, arguments)), NT_ENVIRONMENT);
    same_weights("full", "kept");
    same_bytes("full/state.safetensors", "kept/state.safetensors");
    assert_int_not_equal(access("full/state.safetensors.tmp", F_OK), 0);
    assert_int_equal(RUN("train", "--resume", "--out", "full", "--epochs", "63"), NT_OK);
    says("err.txt", "epoch 61/63");
}

static void folders_that_cannot_be_written_are_named(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--out", "/proc/x", "--epochs", "1"), NT_ENVIRONMENT);
    says("err.txt", "/proc/x: cannot make the folder");
    assert_int_equal(RUN("train", "--out", "err.txt", "--epochs", "1"), NT_ENVIRONMENT);
    assert_int_equal(RUN("train", "--out", "fulllog", "--log", "/dev/full", "--epochs", "1"), NT_OK);
    says("err.txt", "warning: cannot write the log");
}

static void a_loss_that_is_not_finite_stops_the_run(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--resume", "--out", "full", "--epochs", "70", "--lr", "1e38"), NT_FAILED);
    says("err.txt", "is not finite at step");
    says("err.txt", "the first layer with values that are not finite is");
    same_weights("full", "full");
    assert_int_equal(RUN("train", "--resume", "--out", "full", "--epochs", "64", "--lr", "0.1"), NT_OK);
}

static void patience_ends_a_run(void **state)
{
    (void)state;
    assert_int_equal(setenv("TOY_PATIENCE", "3", 1), 0);
    assert_int_equal(RUN("train", "--out", "patient", "--epochs", EPOCHS), NT_OK);
    says("err.txt", "stopped early: no better validation loss for 3 epochs");
    int lines = lines_of("patient/log.jsonl");
    assert_true(lines > 3 && lines < 60);
    assert_int_equal(RUN("train", "--out", "patient", "--resume"), NT_OK);
    assert_int_equal(lines_of("patient/log.jsonl"), lines);
    assert_int_equal(unsetenv("TOY_PATIENCE"), 0);
}

static void spoilt_states_are_refused(void **state)
{
    (void)state;
    char truncate_it[] = "head -c 1500 whole/state.safetensors > cut/state.safetensors";
    assert_int_equal(system("mkdir cut"), 0);
    assert_int_equal(system(truncate_it), 0);
    assert_int_equal(RUN("train", "--resume", "--out", "cut"), NT_FAILED);
    says("err.txt", "cut/state.safetensors");
    assert_int_equal(system("cp whole/last.safetensors cut/state.safetensors"), 0);
    assert_int_equal(RUN("train", "--resume", "--out", "cut"), NT_FAILED);
    says("err.txt", "not the state of a training run");
    assert_int_equal(system("sed s/00000000000000aa/00000000000000ab/ whole/state.safetensors > cut/state.safetensors"),
                     0);
    assert_int_equal(RUN("train", "--resume", "--out", "cut"), NT_FAILED);
    says("err.txt", "was of another model (00000000000000ab");
}

static void weights_are_used_by_the_other_commands(void **state)
{
    (void)state;
    assert_int_equal(RUN("eval", "--weights", "whole/best.safetensors", "--format", "json"), NT_OK);
    says("out.txt", "{\"loss\":");
    says("out.txt", ",\"samples\":450}");
    assert_int_equal(RUN("eval", "--weights", "whole/best.safetensors"), NT_OK);
    says("out.txt", "green");
    assert_int_equal(system("printf '0.1,0.2\\n-0.5,0.25\\n' > rows.csv"), 0);
    assert_int_equal(RUN("predict", "--weights", "whole/best.safetensors", "rows.csv"), NT_OK);
    says("out.txt", "rows.csv:2  ");
    assert_int_equal(RUN("predict", "--weights", "whole/best.safetensors", "none.csv"), NT_FAILED);
    assert_int_equal(RUN("train", "--weights", "whole/best.safetensors", "--epochs", "1", "--out", "tuned"), NT_OK);
}

/* Values of a tensor in a file. */
static void read_values(const char *path, const char *name, float *values, size_t n)
{
    nt_tensors tensors;
    nt_error error = {0};
    assert_true(nt_tensors_read(&tensors, path, &error));
    const nt_tensor *tensor = nt_tensors_find(&tensors, name);
    assert_non_null(tensor);
    assert_int_equal(tensor->count, n);
    assert_true(nt_tensor_floats(tensor, values));
    nt_tensors_free(&tensors);
}

static void fill_batch(void *context, size_t index, float *values)
{
    (void)context;
    static const float input[] = {0.5f, -1, 2, 0.25f, -0.75f, 1.5f}, target[] = {2, 0, 1};
    if (index == 0)
        memcpy(values, input, sizeof input);
    else
        memcpy(values, target, sizeof target);
}

/* Exact properties of this loss: dense2.bias's gradient is the mean of softmax - one_hot, which the output gives. */
static void gradient_writes_what_it_should(void **state)
{
    (void)state;
    nt_tensor_out batch[] = {{"input", 2, {3, 2}}, {"target", 1, {3}}};
    nt_error error = {0};
    float loss, output[9], bias[3], input[6], weight[24];
    assert_true(nt_tensors_write("b.safetensors", batch, 2, NULL, fill_batch, NULL, NT_SURVIVES_PROCESS, &error));
    assert_int_equal(
        RUN("gradient", "--weights", "whole/best.safetensors", "--batch", "b.safetensors", "--out", "g.safetensors"),
        NT_OK);
    read_values("g.safetensors", "loss", &loss, 1);
    read_values("g.safetensors", "output", output, 9);
    read_values("g.safetensors", "dense2.bias", bias, 3);
    read_values("g.safetensors", "input", input, 6);
    read_values("g.safetensors", "dense1.weight", weight, 24);
    static const int target[] = {2, 0, 1};
    double expected[3] = {0}, expected_loss = 0, sum_input = 0;
    for (int s = 0; s < 3; s++) {
        double sum = 0;
        for (int k = 0; k < 3; k++)
            sum += exp((double)output[3 * s + k]);
        for (int k = 0; k < 3; k++)
            expected[k] += (exp((double)output[3 * s + k]) / sum - (k == target[s])) / 3;
        expected_loss += (log(sum) - (double)output[3 * s + target[s]]) / 3;
    }
    for (int k = 0; k < 3; k++)
        assert_true(fabs(expected[k] - (double)bias[k]) < 1e-6);
    assert_true(fabs(expected_loss - (double)loss) < 1e-5);
    for (int i = 0; i < 6; i++)
        sum_input += fabs((double)input[i]);
    assert_true(sum_input > 0);
    batch[0].dims[1] = 3;
    batch[0].dims[0] = 2;
    assert_true(nt_tensors_write("b.safetensors", batch, 2, NULL, fill_batch, NULL, NT_SURVIVES_PROCESS, &error));
    assert_int_equal(
        RUN("gradient", "--weights", "whole/best.safetensors", "--batch", "b.safetensors", "--out", "g.safetensors"),
        NT_FAILED);
    says("err.txt", "input is [2, 3], the network reads [2, 2]");
}

static void learns_a_few_samples_by_heart(void **state)
{
    (void)state;
    assert_int_equal(RUN("overfit"), NT_OK);
    says("out.txt", "learnt all 20 samples by heart");
    assert_int_equal(RUN("overfit", "100", "--epochs", "2"), NT_FAILED);
    says("err.txt", "samples are right");
}

static void gradients_are_checked(void **state)
{
    (void)state;
    assert_int_equal(RUN("gradcheck"), NT_OK);
    says("out.txt", "4 gradients agree");
    assert_int_equal(RUN("gradcheck", "--tolerance", "1e-12"), NT_FAILED);
    says("out.txt", "not checked: differences are too small for double");
}

static void measures(void **state)
{
    (void)state;
    assert_int_equal(RUN("bench", "--batch", "32", "--steps", "5", "--threads", "1"), NT_OK);
    says("out.txt", "{\"train_ms\":");
    says("out.txt", "\"threads\":1,\"batch\":32,");
    assert_int_equal(RUN("bench", "--only", "inference", "--seconds", "0"), NT_OK);
    says("out.txt", "{\"forward_ms\":");
    assert_int_equal(RUN("bench", "--only", "thinking"), NT_USAGE);
    says("err.txt", "training or inference");
    assert_int_equal(RUN("bench", "--per-layer"), NT_FAILED);
    says("err.txt", "toy.net does not say what its steps are");
    assert_int_equal(RUN("info", "--batch", "1", "--format", "json"), NT_OK);
    /* By hand: 152 trainable values, 16 statistics, 82 values of activations, floats. */
    says("out.txt",
         "\"memory\":{\"inference\":896,\"training\":2216,\"parameters\":672,\"gradients\":608,\"optimizer\":608,");
}

static void wrong_usage_is_explained(void **state)
{
    (void)state;
    assert_int_equal(RUN("trian"), NT_USAGE);
    says("err.txt", "did you mean 'train'?");
    assert_int_equal(RUN("train", "--epoch", "3"), NT_USAGE);
    says("err.txt", "unknown option '--epoch'; did you mean '--epochs'?");
    assert_int_equal(RUN("train", "--epochs"), NT_USAGE);
    assert_int_equal(RUN("train", "--epochs", "0"), NT_USAGE);
    assert_int_equal(RUN("train", "--epochs=3x"), NT_USAGE);
    assert_int_equal(RUN("train", "--lr", "nan"), NT_USAGE);
    assert_int_equal(RUN("train", "more"), NT_USAGE);
    assert_int_equal(RUN("eval"), NT_USAGE);
    assert_int_equal(RUN("eval", "--weights", "w", "--format", "xml"), NT_USAGE);
    assert_int_equal(RUN("overfit", "some"), NT_USAGE);
    assert_int_equal(RUN("--help"), NT_OK);
    says("out.txt", "gradcheck");
    assert_int_equal(RUN("train", "--help"), NT_OK);
    says("out.txt", "--resume");
}

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    char absolute[4096];
    if (argc != 2 || !realpath(argv[1], absolute)) {
        fprintf(stderr, "usage: %s PATH_OF_THE_TOY_TRAINER\n", argv[0]);
        return 2;
    }
    toy = absolute;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains_and_says_so),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(seeds_change_everything),
        cmocka_unit_test(interrupted_runs_go_on_bit_for_bit),
        cmocka_unit_test(finished_runs_can_be_extended),
        cmocka_unit_test(seed_cannot_change_midway),
        cmocka_unit_test(a_new_run_says_what_it_replaces),
        cmocka_unit_test(a_run_that_fails_replaces_nothing),
        cmocka_unit_test(no_room_on_the_disk_loses_nothing),
        cmocka_unit_test(folders_that_cannot_be_written_are_named),
        cmocka_unit_test(a_loss_that_is_not_finite_stops_the_run),
        cmocka_unit_test(patience_ends_a_run),
        cmocka_unit_test(spoilt_states_are_refused),
        cmocka_unit_test(weights_are_used_by_the_other_commands),
        cmocka_unit_test(gradient_writes_what_it_should),
        cmocka_unit_test(learns_a_few_samples_by_heart),
        cmocka_unit_test(gradients_are_checked),
        cmocka_unit_test(measures),
        cmocka_unit_test(wrong_usage_is_explained),
    };
    return cmocka_run_group_tests(tests, enter_folder, remove_folder);
}
