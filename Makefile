# Builds netc, its runtime library and its tests. `make help` lists targets and variables.
CC ?= cc
CLANG ?= clang-14
PYTHON ?= python3
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
BUILD := $(if $(SANITIZE),build/asan,build)
VERSION := 0.1.0

WARN := -std=c11 -Wall -Wextra -Wpedantic -Werror
CFLAGS ?= -O2 -g
RUNTIME_OPT := -O3
ifdef SANITIZE
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS := -O1 -g -fno-omit-frame-pointer $(SANITIZERS)
RUNTIME_OPT :=
export NETC_CFLAGS := -O0 $(SANITIZERS)
endif
COMPILER_FLAGS = $(WARN) $(CFLAGS) -D_POSIX_C_SOURCE=200809L -DNETC_VERSION='"$(VERSION)"' -Icompiler -I$(BUILD)/gen -MMD -MP
RUNTIME_FLAGS = $(WARN) $(CFLAGS) $(RUNTIME_OPT) -D_POSIX_C_SOURCE=200809L -fopenmp -MMD -MP
RUNTIME_LIBS := -ljansson -lpng -ljpeg -lz -lm

COMPILER := $(wildcard compiler/*.c compiler/sema/*.c compiler/ops/*.c compiler/passes/*.c compiler/emit/*.c)
COMPILER_OBJ := $(COMPILER:%.c=$(BUILD)/%.o) $(addprefix $(BUILD)/gen/,net.tab.o net.lex.o ops.o embedded.o)
RUNTIME := $(filter-out runtime/gradcheck_double.c,$(wildcard runtime/*.c))
# What the gradient check also needs in double precision.
RUNTIME_OBJ := $(RUNTIME:%.c=$(BUILD)/%.o) $(BUILD)/double/gradcheck_double.o $(BUILD)/double/params.o
EMBEDDED := $(sort $(wildcard runtime/*.h runtime/*.c runtime/kernels/*.k.c))

.PHONY: all help deps test test-programs asan fuzz bless gradcheck demo bench bench-peers install uninstall clean
.DELETE_ON_ERROR:
all: $(BUILD)/netc $(BUILD)/libnetc-runtime.a
	@:

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

## make deps         installs the Debian packages of build, tests and demo; without root it says which
deps:
	@scripts/deps.sh test

## make              build/netc, build/libnetc-runtime.a, and a link ./netc
$(BUILD)/netc: $(COMPILER_OBJ)
	@echo '  LD $@'
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -lm
	@[ $@ != build/netc ] || ln -sf $@ netc

$(BUILD)/libnetc-runtime.a: $(RUNTIME_OBJ)
	@echo '  AR $@'
	@rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/compiler/%.o: compiler/%.c $(BUILD)/gen/net.tab.h
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(COMPILER_FLAGS) -c -o $@ $<

$(BUILD)/double/%.o: runtime/%.c
	@mkdir -p $(@D)
	@echo '  CC $< (double)'
	@$(CC) $(RUNTIME_FLAGS) -DNT_DOUBLE -c -o $@ $<

$(BUILD)/runtime/%.o: runtime/%.c
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(RUNTIME_FLAGS) -c -o $@ $<

$(BUILD)/gen/net.tab.c: lang/net.y
	@scripts/deps.sh look # the first thing that is made: what is missing is said once
	@mkdir -p $(@D)
	@echo '  BISON $<'
	@bison -Wall -Werror -o $@ --header=$(BUILD)/gen/net.tab.h $<
$(BUILD)/gen/net.tab.h: $(BUILD)/gen/net.tab.c ;
$(BUILD)/gen/net.lex.c: lang/net.l
	@mkdir -p $(@D)
	@echo '  FLEX $<'
	@flex -o $@ $<

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
	@echo '  CC $<'
	@$(CC) $(WARN) $(CFLAGS) -o $@ $<
$(BUILD)/gen/embedded.c: $(BUILD)/embed $(EMBEDDED)
	@mkdir -p $(@D)
	@echo '  EMBED runtime'
	@$(BUILD)/embed $(EMBEDDED) > $@

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c $(BUILD)/gen/net.tab.h
	@echo '  CC $<'
	@$(CC) $(COMPILER_FLAGS) -Wno-overlength-strings -c -o $@ $<

# ---- tests ----

# The kernels' tests are built for each instruction set that the machine can run, and in double precision.
KERNEL_VARIANTS := generic double $(if $(filter x86_64,$(shell uname -m)),avx2 avx2_double) $(if $(filter aarch64,$(shell uname -m)),neon) \
	$(if $(shell grep -m1 -o avx512dq /proc/cpuinfo 2>/dev/null),avx512 avx512_double)
VARIANT_generic :=
VARIANT_double := -DNT_DOUBLE
VARIANT_avx2 := -mavx2 -mfma -DNT_TARGET_AVX2
VARIANT_avx2_double := $(VARIANT_avx2) -DNT_DOUBLE
VARIANT_neon := -DNT_TARGET_NEON
VARIANT_avx512 := -march=x86-64-v4 -DNT_TARGET_AVX512
VARIANT_avx512_double := $(VARIANT_avx512) -DNT_DOUBLE
KERNEL_TESTS := $(foreach v,$(KERNEL_VARIANTS),$(patsubst %.c,$(BUILD)/%.$(v),$(wildcard tests/kernels/test_*.c)))
RUNTIME_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/runtime/test_*.c))
COMPILER_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard $(addprefix tests/,frontend/test_*.c sema/test_*.c interp/test_*.c)))
PROGRAMS := $(KERNEL_TESTS) $(RUNTIME_TESTS) $(COMPILER_TESTS)
HELPERS := $(BUILD)/tests/front $(BUILD)/tests/toy_model $(BUILD)/tests/compare

CHECKS := $(wildcard $(addprefix tests/,checks/*.sh library/check.sh report/run.sh report/memory.sh report/roofline.sh docs/check.sh))
GOLDENS := $(wildcard $(addprefix tests/,frontend/*/*.err frontend/*/*.ast frontend/*/*.fmt sema/*.err sema/*.effective))
TORCH := $(wildcard tests/torch/fixtures/*.expected.safetensors)
EXAMPLES := $(wildcard examples/*.net examples/experiments/*.net tests/results/*.net)
ifdef SANITIZE
# Under the sanitizers, those where memory may go wrong: a trainer of each kind, no comparison of speed.
CASES := $(PROGRAMS) $(filter %/mini_lenet5.expected.safetensors %/opt_adam.expected.safetensors,$(TORCH)) \
	$(filter %/training.sh,$(CHECKS)) $(EXAMPLES) $(GOLDENS)
else
CASES := $(CHECKS) $(TORCH) $(PROGRAMS) $(EXAMPLES) $(GOLDENS)
endif

define kernel_test
$(BUILD)/tests/kernels/%.$(1): tests/kernels/%.c
	@mkdir -p $$(@D)
	@echo '  CC $$< ($(1))'
	@$$(CC) $$(WARN) $$(CFLAGS) -O1 $$(VARIANT_$(1)) -fopenmp -MMD -MP -MF $$@.d -o $$@ $$< -lcmocka -lm
endef
$(foreach v,$(KERNEL_VARIANTS),$(eval $(call kernel_test,$(v))))

$(RUNTIME_TESTS): $(BUILD)/tests/%: tests/%.c $(BUILD)/libnetc-runtime.a
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(WARN) $(CFLAGS) -fopenmp -MMD -MP -MF $@.d -o $@ $< $(BUILD)/libnetc-runtime.a -lcmocka $(RUNTIME_LIBS)

$(BUILD)/tests/toy_model: tests/runtime/toy_model.c $(BUILD)/libnetc-runtime.a
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(RUNTIME_FLAGS) -DNT_DOUBLE -MF $@.double.d -c -o $@.double.o $<
	@$(CC) $(RUNTIME_FLAGS) -MF $@.d -o $@ $< $@.double.o $(BUILD)/libnetc-runtime.a $(RUNTIME_LIBS)

$(BUILD)/libnetc.a: $(filter-out $(BUILD)/compiler/main.o,$(COMPILER_OBJ))
	@rm -f $@ && $(AR) rcs $@ $^

$(COMPILER_TESTS): $(BUILD)/tests/%: tests/%.c $(BUILD)/libnetc.a
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(COMPILER_FLAGS) -MF $@.d -o $@ $< $(BUILD)/libnetc.a -lcmocka -ljansson -lm

$(BUILD)/tests/front: tests/frontend/front.c $(BUILD)/libnetc.a
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(COMPILER_FLAGS) -MF $@.d -o $@ $< $(BUILD)/libnetc.a -lm

$(BUILD)/tests/compare: tests/torch/compare.c
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(WARN) $(CFLAGS) -o $@ $< -ljansson -lm

test-programs: all $(PROGRAMS) $(HELPERS)

## make test         all tests; CASES='tests/sema/a.err ...' only those, VERBOSE=1 shows what passed,
##                   NETC_DATA is the folder of mnist/ and fashion-mnist/, SANITIZE=1 looks for errors of memory instead
test: deps
	@$(MAKE) --no-print-directory test-programs
	@BUILD=$(BUILD) JOBS=$(JOBS) tests/run.sh $(CASES)

## make asan         the same as make test SANITIZE=1
asan:
	@$(MAKE) --no-print-directory test SANITIZE=1

## make bless        writes the golden files anew: look at the difference before it is committed
bless: test-programs
	@BLESS=1 BUILD=$(BUILD) JOBS=$(JOBS) tests/run.sh $(GOLDENS)
	@tests/report/run.sh $(BUILD)/netc --bless
	@tests/report/roofline.sh $(BUILD)/netc --bless

# ---- fuzzing: needs clang ----

FUZZ := $(patsubst tests/%.c,%,$(wildcard tests/fuzz/fuzz_*.c tests/frontend/fuzz_*.c))
FUZZ_TIME ?= 60
FUZZ_FLAGS := -std=c11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -D_POSIX_C_SOURCE=200809L
FUZZ_SOURCES := $(filter-out compiler/main.c,$(COMPILER)) $(addprefix $(BUILD)/gen/,net.tab.c net.lex.c ops.c embedded.c) $(RUNTIME)
FUZZ_OBJ := $(patsubst $(BUILD)/%,%,$(FUZZ_SOURCES:.c=.o))
FUZZ_OBJ := $(FUZZ_OBJ:%=build/fuzz/%)

build/fuzz/gen/%.o: $(BUILD)/gen/%.c $(BUILD)/gen/net.tab.h
	@mkdir -p $(@D)
	@echo '  CLANG $<'
	@$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -DNETC_VERSION='"$(VERSION)"' -Icompiler -I$(BUILD)/gen -MMD -MP -c -o $@ $<
build/fuzz/%.o: %.c $(BUILD)/gen/net.tab.h
	@mkdir -p $(@D)
	@echo '  CLANG $<'
	@$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -DNETC_VERSION='"$(VERSION)"' -Icompiler -I$(BUILD)/gen -MMD -MP -c -o $@ $<
build/fuzz/libnetc.a: $(FUZZ_OBJ)
	@rm -f $@ && $(AR) rcs $@ $^
$(FUZZ:%=build/fuzz/%): build/fuzz/%: tests/%.c build/fuzz/libnetc.a
	@mkdir -p $(@D)
	@echo '  CLANG $<'
	@$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer -Icompiler -MMD -MP -MF $@.d -o $@ $< build/fuzz/libnetc.a $(RUNTIME_LIBS)

## make fuzz         every fuzz target for FUZZ_TIME seconds (60); FUZZ=fuzz/fuzz_check only that one
fuzz: $(FUZZ:%=build/fuzz/%)
	@for target in $(FUZZ); do scripts/fuzz.sh build/fuzz/$$target $(FUZZ_TIME) || exit 1; done

# ---- for people ----

## make gradcheck    gradients of all examples against differences in double: docs/checks.md; NETWORKS='lenet5 ...' only those
gradcheck: all
	@JOBS=$(JOBS) scripts/gradcheck.sh $(BUILD)/netc $(NETWORKS)

## make demo         trains LeNet-5 on Fashion-MNIST, measures it, shows some predictions
demo:
	@scripts/deps.sh demo
	@$(MAKE) --no-print-directory all
	@scripts/demo.sh $(BUILD)/netc $(BUILD)/demo

## make experiments  the lectures' experiments and their tables; NAMES='activations rates ...' only those
.PHONY: experiments
experiments: all
	@scripts/experiments.sh $(BUILD)/netc $(BUILD)/experiments $(NAMES)

## make guide        runs, figures and command output of docs/guide/; PAGES='data ...' only those
.PHONY: guide
guide: all $(BUILD)/figure
	@scripts/guide.sh $(BUILD)/netc $(BUILD)/figure $(BUILD)/guide $(PAGES)

$(BUILD)/figure: scripts/figure.c $(BUILD)/libnetc-runtime.a
	@echo "  LD $@"
	@$(CC) $(WARN) $(CFLAGS) -fopenmp -o $@ $< $(BUILD)/libnetc-runtime.a $(RUNTIME_LIBS)

## make bench        trainers against what people would use instead: all of it takes hours, so give parts:
##                   ARGS='--threads 1 --json one.json lenet5 alexnet', and see docs/performance.md
PEERS := $(BUILD)/venv
bench: all
	$(firstword $(wildcard $(PEERS)/bin/python) $(PYTHON)) tests/bench/run.py --netc $(BUILD)/netc --work $(BUILD)/bench $(ARGS)

## make bench-peers  installs these into build/venv: PyTorch, ONNX Runtime, OpenVINO, and TVM where there is a wheel
bench-peers:
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --upgrade torch numpy onnx onnxscript onnxruntime openvino
	$(PEERS)/bin/pip install --upgrade apache-tvm || echo 'no wheel of TVM for this Python: the benchmark goes without'

## make install      to PREFIX (/usr/local), under DESTDIR
LIBRARY := $(DESTDIR)$(PREFIX)/lib/netc
SHARE := $(DESTDIR)$(PREFIX)/share/netc
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(LIBRARY) $(SHARE)/examples/blocks $(SHARE)/examples/experiments
	install $(BUILD)/netc $(DESTDIR)$(PREFIX)/bin/netc
	install -m 644 $(BUILD)/libnetc-runtime.a $(LIBRARY)
	install -m 644 $(wildcard examples/*.net) $(SHARE)/examples
	install -m 644 $(wildcard examples/blocks/*.net) $(SHARE)/examples/blocks
	install -m 644 $(wildcard examples/experiments/*.net) $(SHARE)/examples/experiments

## make uninstall
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/netc
	rm -rf $(LIBRARY) $(SHARE)

## make clean
clean:
	rm -rf build netc

-include $(shell find $(BUILD) build/fuzz -name '*.d' 2>/dev/null)
