# Builds netc, its runtime library and its tests. `make help` lists the targets.
CC ?= cc
PREFIX ?= /usr/local
BUILD := build
VERSION := 0.1.0

WARN := -std=c11 -Wall -Wextra -Wpedantic -Werror
CFLAGS ?= -O2 -g
DEBUG_CFLAGS := -D_POSIX_C_SOURCE=200809L -DNETC_VERSION='"$(VERSION)"'
OPENMP := -fopenmp
RUNTIME_LIBS := -ljansson -lpng -ljpeg -lz -lm

COMPILER := $(wildcard compiler/*.c compiler/sema/*.c compiler/ops/*.c compiler/passes/*.c compiler/emit/*.c)
COMPILER_OBJ := $(COMPILER:%.c=$(BUILD)/%.o) $(addprefix $(BUILD)/gen/,net.tab.o net.lex.o ops.o embedded.o)
RUNTIME := $(filter-out runtime/gradcheck_double.c,$(wildcard runtime/*.c))
# What the gradient check also needs in double precision.
RUNTIME_OBJ := $(RUNTIME:%.c=$(BUILD)/%.o) $(BUILD)/double/gradcheck_double.o $(BUILD)/double/params.o
EMBEDDED := $(sort $(wildcard runtime/*.h runtime/*.c runtime/kernels/*.k.c))

.PHONY: all help demo test bench install bless clean deps
all: netc $(BUILD)/libnetc-runtime.a

help:
	@sed -n 's/^## //p' Makefile

## make            builds netc (build/netc and a link ./netc)
netc: $(BUILD)/netc
	@ln -sf $(BUILD)/netc netc

$(BUILD)/netc: $(COMPILER_OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -lm

$(BUILD)/libnetc-runtime.a: $(RUNTIME_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/compiler/%.o: compiler/%.c $(BUILD)/gen/net.tab.h
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(WARN) $(CFLAGS) $(DEBUG_CFLAGS) -Icompiler -I$(BUILD)/gen -MMD -MP -c -o $@ $<

$(BUILD)/double/%.o: runtime/%.c
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(WARN) $(CFLAGS) -D_POSIX_C_SOURCE=200809L $(OPENMP) -DNT_DOUBLE -MMD -MP -c -o $@ $<

$(BUILD)/runtime/%.o: runtime/%.c
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(WARN) $(CFLAGS) -O3 -D_POSIX_C_SOURCE=200809L $(OPENMP) -MMD -MP -c -o $@ $<

$(BUILD)/gen/net.tab.c: lang/net.y
	@mkdir -p $(@D)
	bison -Wall -Werror -o $@ --header=$(BUILD)/gen/net.tab.h $<
$(BUILD)/gen/net.tab.h: $(BUILD)/gen/net.tab.c ;
$(BUILD)/gen/net.lex.c: lang/net.l
	@mkdir -p $(@D)
	flex -o $@ $<

# The registry lists every `const OpDef op_...` of compiler/ops.
$(BUILD)/gen/ops.c: $(wildcard compiler/ops/*.c) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "op.h"'; \
	   sed -n 's/^const OpDef \(op_[a-z0-9_]*\) = {$$/extern const OpDef \1;/p' $(sort $(wildcard compiler/ops/*.c)); \
	   echo 'const OpDef *const op_registry[] = {'; \
	   sed -n 's/^const OpDef \(op_[a-z0-9_]*\) = {$$/    \&\1,/p' $(sort $(wildcard compiler/ops/*.c)); \
	   echo '    NULL,'; echo '};'; } > $@

$(BUILD)/embed: compiler/tools/embed.c
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) -o $@ $<
$(BUILD)/gen/embedded.c: $(BUILD)/embed $(EMBEDDED)
	@mkdir -p $(@D)
	$(BUILD)/embed $(EMBEDDED) > $@

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c $(BUILD)/gen/net.tab.h
	@echo '  CC $<'
	@$(CC) $(WARN) -Wno-overlength-strings $(CFLAGS) $(DEBUG_CFLAGS) -Icompiler -I$(BUILD)/gen -MMD -MP -c -o $@ $<

clean:
	rm -rf $(BUILD) netc

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
