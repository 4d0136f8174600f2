/* test_init.c - who gets which initial values, and by which law: networks given as text, parameters checked one by one against
 * numbers worked out by hand. */
#include "../../compiler/sema/sema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int failures;

typedef struct Wanted {
    const char *param;
    InitLaw law;
    double value;
} Wanted;

static const NetParam *find_param(const Net *net, const char *name)
{
    for (int i = 0; i < net->n_params; i++) {
        if (strcmp(net->params[i]->name, name) == 0) {
            return net->params[i];
        }
    }
    return NULL;
}

static void check(const char *what, const char *text, const Wanted *wanted)
{
    Arena arena = {0};
    Diags diags = {.arena = &arena};
    int file = diag_add_source(&diags, what, text, (uint32_t)strlen(text));
    Net *net = sema_network(&arena, &diags, ast_parse(&arena, &diags, file), NULL, 0);
    if (!net) {
        Str out = {0};
        diag_render(&diags, &out, false);
        printf("%s: does not compile\n%s", what, out.data);
        str_free(&out);
        failures++;
    }
    for (const Wanted *w = wanted; net && w->param; w++) {
        const NetParam *p = find_param(net, w->param);
        if (!p) {
            printf("%s: no parameter %s\n", what, w->param);
            failures++;
        } else if (p->law != w->law || !(fabs(p->law_value - w->value) <= 1e-12 * fabs(w->value))) {
            printf("%s: %s has law %d with %.17g, not %d with %.17g\n", what, p->name, p->law, p->law_value, w->law, w->value);
            failures++;
        }
    }
    arena_free(&arena);
}

/* The law of a dense layer of 50 inputs and 30 outputs. */
static void check_law(const char *init, InitLaw law, double value)
{
    char text[200];
    snprintf(text, sizeof text, "network n { input(50)  out: dense(30, init=%s) }", init);
    check(init, text, (Wanted[]){{"out.weight", law, value}, {"out.bias", INIT_CONSTANT, 0}, {0}});
}

int main(void)
{
    check_law("0.5", INIT_CONSTANT, 0.5);
    check_law("constant(-2)", INIT_CONSTANT, -2);
    check_law("normal(std=0.01)", INIT_NORMAL, 0.01);
    check_law("uniform(0.3)", INIT_UNIFORM, 0.3);
    check_law("lecun_normal", INIT_NORMAL, 0.1414213562373095);
    check_law("lecun_uniform", INIT_UNIFORM, 0.2449489742783178);
    check_law("xavier_normal", INIT_NORMAL, 0.158113883008419);
    check_law("xavier_uniform", INIT_UNIFORM, 0.2738612787525831);
    check_law("xavier_fan_in", INIT_NORMAL, 0.1414213562373095);
    check_law("xavier_caffe", INIT_UNIFORM, 0.2449489742783178);
    check_law("he_normal", INIT_NORMAL, 0.2);
    check_law("he_uniform", INIT_UNIFORM, 0.3464101615137755);
    check_law("orthogonal", INIT_ORTHOGONAL, 1);
    check_law("orthogonal(1.4)", INIT_ORTHOGONAL, 1.4);
    check_law("lsuv", INIT_LSUV, 1);

    check("without a section: he_normal and 0; fans of a convolution are per group",
          "network n { input(8x8x4)  a: conv(6, 3x5, groups=2) -> batchnorm  out: dense(10) }",
          (Wanted[]){{"a.weight", INIT_NORMAL, 0.2581988897471611}, /* sqrt(2 / (2*3*5)) */
                     {"a.bias", INIT_CONSTANT, 0},
                     {"a.batchnorm.weight", INIT_CONSTANT, 1},
                     {"a.batchnorm.bias", INIT_CONSTANT, 0},
                     {"a.batchnorm.running_mean", INIT_CONSTANT, 0},
                     {"a.batchnorm.running_var", INIT_CONSTANT, 1},
                     {0}});

    check("defaults of the section leave alone what operators set themselves",
          "network n { input(8)  a: dense(4) -> batchnorm -> prelu  out: dense(2, init=0.25) }\n"
          "init { weight = normal(std=0.5)  bias = 0.1 }",
          (Wanted[]){{"a.weight", INIT_NORMAL, 0.5},
                     {"a.bias", INIT_CONSTANT, 0.1},
                     {"a.batchnorm.weight", INIT_CONSTANT, 1},
                     {"a.batchnorm.bias", INIT_CONSTANT, 0},
                     {"a.prelu.weight", INIT_CONSTANT, 0.25},
                     {"out.weight", INIT_CONSTANT, 0.25},
                     {"out.bias", INIT_CONSTANT, 0.1},
                     {0}});

    check("the most specific entry wins, in whatever order they stand",
          "block unit(n) { c: dense(n)  d: dense(n, init=0.75) -> batchnorm }\n"
          "network n { input(8)  l: repeat(2) { unit(4) }  lx: dense(2) }\n"
          "init { l.1.c = 0.2  l = 0.1  l.1.c.weight = 0.3  l.0.d.batchnorm = 0.4  l.1.d.bias = 0.5  lx.weight = normal(0.6) }",
          (Wanted[]){{"l.0.c.weight", INIT_CONSTANT, 0.1},
                     {"l.0.c.bias", INIT_CONSTANT, 0},
                     {"l.0.d.weight", INIT_CONSTANT, 0.75},
                     {"l.0.d.batchnorm.weight", INIT_CONSTANT, 0.4},
                     {"l.0.d.batchnorm.bias", INIT_CONSTANT, 0},
                     {"l.1.c.weight", INIT_CONSTANT, 0.3},
                     {"l.1.d.bias", INIT_CONSTANT, 0.5},
                     {"l.1.d.batchnorm.weight", INIT_CONSTANT, 1},
                     {"lx.weight", INIT_NORMAL, 0.6},
                     {"lx.bias", INIT_CONSTANT, 0},
                     {0}});

    printf("test_init: %d failed\n", failures);
    return failures > 0;
}
