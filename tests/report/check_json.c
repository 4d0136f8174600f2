/* check_json.c - `netc report --format json` on standard input: that it has what the documents promise, and that it
 * adds up. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static int failed;

static void expect(int good, const char *what)
{
    if (!good) {
        printf("FAIL json: %s\n", what);
        failed = 1;
    }
}

/* Of an object; a missing key or anything but an integer from 0 on fails. */
static json_int_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    expect(json_is_integer(value) && json_integer_value(value) >= 0, key);
    return json_integer_value(value);
}

static json_int_t volume(const json_t *shape)
{
    json_int_t n = 1;
    expect(json_array_size(shape) == 1 || json_array_size(shape) == 3, "a shape has one or three numbers");
    for (size_t i = 0; i < json_array_size(shape); i++) {
        n *= json_integer_value(json_array_get(shape, i));
    }
    return n;
}

static void check_layer(const json_t *layer, int first)
{
    const char *op = json_string_value(json_object_get(layer, "op"));
    expect(json_is_string(json_object_get(layer, "name")) && op != NULL, "a layer has a name and an operator");
    expect(number(layer, "line") > 0, "a layer has a line");
    expect(op && (strcmp(op, "input") == 0) == first, "the input is the first layer");
    expect(number(layer, "parameters") == number(layer, "weights") + number(layer, "biases"),
           "parameters are weights and biases");
    expect(number(layer, "flops") == 2 * number(layer, "macs"), "a product is two operations");
    json_int_t values = number(layer, "activations");
    expect(values == volume(json_object_get(layer, "output")) || (op && strcmp(op, "concat") == 0 && values == 0),
           "activations are the output's values");
}

static void check_sum(const json_t *layers, const json_t *totals, const char *key)
{
    json_int_t sum = 0;
    for (size_t i = 0; i < json_array_size(layers); i++) {
        sum += number(json_array_get(layers, i), key);
    }
    expect(sum == number(totals, key), "totals are the layers' sums");
}

int main(void)
{
    static const char *const counts[] = {"activations", "weights", "biases", "parameters", "macs", "flops"};
    json_error_t error;
    json_t *root = json_loadf(stdin, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        printf("FAIL json: %s in line %d\n", error.text, error.line);
        return 1;
    }
    const json_t *layers = json_object_get(root, "layers"), *totals = json_object_get(root, "totals");
    const json_t *memory = json_object_get(root, "memory");
    expect(json_is_string(json_object_get(root, "network")), "the network has a name");
    expect(number(root, "batch") > 0, "the batch is positive");
    volume(json_object_get(root, "input"));
    expect(json_array_size(layers) > 1, "there are layers");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        check_layer(json_array_get(layers, i), i == 0);
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check_sum(layers, totals, counts[i]);
    }
    json_int_t training = number(memory, "training");
    expect(training == number(memory, "parameters") + number(memory, "gradients") + number(memory, "optimizer") +
                           number(memory, "activations") + number(memory, "workspace"),
           "training memory is the sum of its parts");
    expect(number(memory, "parameters") >= 4 * number(totals, "parameters"), "parameters take four bytes each");
    expect(number(memory, "unplanned_training") >= training, "reuse saves memory");
    expect(number(memory, "inference") > number(memory, "parameters"), "inference needs activations");
    json_decref(root);
    return failed;
}
