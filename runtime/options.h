/* options.h - the command line of the trainer's commands: --name value, --name=value, flags, and what is left over. */
#ifndef NT_OPTIONS_H
#define NT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum nt_option_kind {
    NT_OPTION_FLAG,   /* to: bool */
    NT_OPTION_TEXT,   /* to: const char * */
    NT_OPTION_COUNT,  /* to: int64_t, at least `least` */
    NT_OPTION_NUMBER, /* to: double, at least `least`, finite */
    NT_OPTION_SEED    /* to: uint64_t */
} nt_option_kind;

typedef struct nt_option {
    const char *name; /* "--epochs" */
    nt_option_kind kind;
    void *to;
    const char *value; /* what stands for the value in the help: "N" */
    const char *help;
    double least;
    bool *given; /* set if the option is there; may be NULL */
} nt_option;

typedef struct nt_usage {
    const char *exe, *command;
    const char *rest; /* "INPUT ..." as shown in the help, or NULL: nothing may be left over */
    const char *summary;
    const nt_option *options;
    int n;
} nt_usage;

typedef enum nt_parsed { NT_PARSED, NT_PARSED_HELP, NT_PARSED_WRONG } nt_parsed;

/* Parses argv[0..argc), what follows the command's name. What is left over is moved to its front, in order; *n_rest
 * receives how much. --help prints the help to standard output; a mistake is explained on standard error, with the
 * nearest option. */
nt_parsed nt_options_parse(const nt_usage *usage, int argc, char **argv, int *n_rest);

#endif
