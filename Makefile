# SPDX-License-Identifier: BSD-2-Clause
#
# Capacitor: a laboratory for concurrent caches. `make help` lists the targets.
#
# Objects go to build/<configuration>-<compiler>/, so that configurations never mix. Folders under impl/ are found, and
# the table of implementations is generated from their names: adding an implementation is adding a folder.

CONF ?= release
CC   = gcc
ifeq ($(findstring clang,$(CC)),clang)
CXX := $(subst clang,clang++,$(CC))
else
CXX := $(subst gcc,g++,$(CC))
endif
BUILD := build/$(CONF)-$(notdir $(CC))$(if $(OPAQUE),-opaque)
TIER  ?= smoke

.DEFAULT_GOAL := all
comma := ,
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

# ---- Flags ------------------------------------------------------------------------------------------------------

FLAGS_release := -O2 -g -DNDEBUG
FLAGS_debug   := -O1 -g
FLAGS_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address
FLAGS_ubsan   := -O1 -g -fno-omit-frame-pointer -fsanitize=undefined -fno-sanitize-recover=all
FLAGS_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread -DBATCH_ENTRIES=1
FLAGS_coverage := -O0 -g -DNDEBUG
FLAGS_coherence := -O2 -g -DNDEBUG
FLAGS_fuzz    := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
ifeq ($(origin FLAGS_$(CONF)),undefined)
$(error CONF=$(CONF) is unknown; it is one of: release debug asan ubsan tsan coverage fuzz coherence)
endif

# Hardened where it is released: sanitizers bring checks of their own. tests/hardening/run asserts it from the ELF files, for
# which the flags are recorded. -fcf-protection is of x86-64.
ifeq ($(CONF),release)
FLAGS_release += -grecord-gcc-switches -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 \
                 $(if $(filter x86_64,$(shell uname -m)),-fcf-protection)
LDFLAGS += -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
endif

WARNINGS := -Wall -Wextra -Wundef -Wvla -Wpointer-arith
WARNINGS_C := $(WARNINGS) -Wshadow -Wstrict-prototypes -Wmissing-prototypes
ifeq ($(WERROR),1)
WARNINGS += -Werror
WARNINGS_C += -Werror
endif

FLAGS    := $(FLAGS_$(CONF)) -fPIC -fvisibility=hidden -pthread -Iinclude -I. -I$(BUILD)
CFLAGS   ?=
CXXFLAGS ?=
C_FLAGS   = -std=c11 -D_GNU_SOURCE $(FLAGS) $(WARNINGS_C) $(CFLAGS)
CXX_FLAGS = -std=c++17 -D_GNU_SOURCE $(FLAGS) $(WARNINGS) $(CXXFLAGS)

LIBRARY_PACKAGES := liburcu-memb liburcu-cds ck libsodium libxxhash
PROGRAM_PACKAGES := benchmark jansson hwloc libzstd liblzma zlib libdw msgpack libprotobuf-c
LIBRARY_LIBS  = $(shell pkg-config --libs $(LIBRARY_PACKAGES))
PROGRAM_LIBS  = $(shell pkg-config --libs $(PROGRAM_PACKAGES)) -lm
TEST_LIBS     = -lcmocka

# ---- What there is ----------------------------------------------------------------------------------------------

IMPLEMENTATIONS := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard impl/*/*.c)))))
COMMON_SOURCES  := $(wildcard common/*.c)
IMPL_SOURCES    := $(wildcard impl/*/*.c)
HARNESS_SOURCES := $(wildcard harness/*.c)
HARNESS_CXX     := $(wildcard harness/*.cc)
TEST_PROGRAMS   := $(wildcard tests/*/*_test.c)
TEST_PARTS      := $(filter-out $(TEST_PROGRAMS) tests/check/main.c tests/fuzz/%,$(wildcard tests/*/*.c))

object = $(patsubst %,$(BUILD)/%.o,$(1))
LIBRARY_OBJECTS := $(call object,$(COMMON_SOURCES) $(IMPL_SOURCES) table.c)
HARNESS_OBJECTS := $(call object,$(HARNESS_SOURCES) $(HARNESS_CXX) harness/codec_record.pb-c.c)
TESTS           := $(patsubst %.c,$(BUILD)/%,$(TEST_PROGRAMS))

# Counts lines and branches of the library; the tests of common/ bring its headers' with them. Without asserts, whose other
# branch nobody is to take.
ifeq ($(CONF),coverage)
COUNTED := $(LIBRARY_OBJECTS) $(call object,$(filter tests/unit/%,$(TEST_PROGRAMS)))
$(COUNTED): private FLAGS += --coverage -fprofile-update=atomic
LDFLAGS += --coverage -Wl,-u,__gcov_dump
endif

# ---- The observatory's build -------------------------------------------------------------------------------------
#
# CONF=coherence compiles the library, liburcu and Concurrency Kit with -fsanitize=thread and links them with a runtime of our own
# instead of ThreadSanitizer's: coherence/coherence.h. What drives them and the runtime itself are compiled as ever.

COHERENCE_RUNTIME := $(call object,$(filter-out coherence/subject.c,$(wildcard coherence/*.c)))
ifeq ($(CONF),coherence)
# Calls such as memcpy must stay calls, and no jumps at a function's end (they would be taken for the caller's); reads of volatile
# objects be told from others, and the read of x++ not be left out.
INSTRUMENT_gcc   := -fno-builtin -fsanitize=thread --param tsan-distinguish-volatile=1 \
                    --param tsan-instrument-func-entry-exit=0 -Wno-tsan
INSTRUMENT_clang := -fsanitize=thread -mllvm -tsan-instrument-read-before-write=1 -mllvm -tsan-distinguish-volatile=1 \
                    -mllvm -tsan-instrument-func-entry-exit=0
INSTRUMENT := -DCOHERENCE -fno-optimize-sibling-calls $(INSTRUMENT_$(if $(findstring clang,$(CC)),clang,gcc))

# liburcu and Concurrency Kit order memory with inline assembly, which nobody sees: headers of ours put builtins in its place.
SOURCES := build/sources
WITH_urcu := -include coherence/urcu.h
WITH_ck   := -include coherence/ck.h
URCU_OBJECTS := $(patsubst %,$(BUILD)/liburcu/%.o,urcu urcu-pointer rculfhash rculfhash-mm-order rculfhash-mm-chunk \
                  rculfhash-mm-mmap workqueue wfcqueue compat_futex compat_arch)
CK_OBJECTS   := $(patsubst %,$(BUILD)/ck/%.o,ck_hs ck_epoch)
$(BUILD)/impl/rcu/%: private FLAGS += $(WITH_urcu)
$(BUILD)/impl/ck_hs/%: private FLAGS += $(WITH_ck)

$(SOURCES)/ready: mk/coherence-sources mk/coherence-sources.sha256 | $(BUILD)/packages
	@mk/coherence-sources $(@D) && touch $@

$(URCU_OBJECTS): $(BUILD)/liburcu/%.o: $(SOURCES)/ready coherence/urcu.h coherence/calls.symbols
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -DRCU_MEMBARRIER $(FLAGS) -w $(WITH_urcu) -I$(SOURCES)/liburcu/src -c -o $@ $(SOURCES)/liburcu/src/$*.c
	$(AFTER)

$(CK_OBJECTS): $(BUILD)/ck/%.o: $(SOURCES)/ready coherence/ck.h coherence/calls.symbols
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(FLAGS) -w $(WITH_ck) -I$(SOURCES)/ck/src -c -o $@ $(SOURCES)/ck/src/$*.c
	$(AFTER)

# Without their sources (OPAQUE=1) the distribution's libraries do, but nobody sees inside them.
ifneq ($(OPAQUE),)
UNDER_STUDY := $(LIBRARY_OBJECTS)
STUDY_LIBS   = $(LIBRARY_LIBS)
else
UNDER_STUDY := $(LIBRARY_OBJECTS) $(URCU_OBJECTS) $(CK_OBJECTS)
STUDY_LIBS   = $(shell pkg-config --libs libsodium libxxhash)
endif
$(UNDER_STUDY): private FLAGS += $(INSTRUMENT)
$(UNDER_STUDY): private AFTER = objcopy --redefine-syms=coherence/calls.symbols $@
$(UNDER_STUDY): coherence/calls.symbols

# Seen by shared libraries, too, whose calls of pthread_mutex_lock and the like must come here.
$(COHERENCE_RUNTIME): private FLAGS += -fvisibility=default

$(BUILD)/libcoherence.a: $(COHERENCE_RUNTIME)
	rm -f $@ && ar rcs $@ $^

# One object, whose static memory begins with a page: what shares a line there must not depend on what else is linked.
define MAKE_STUDY
ld -r -o $(@:.a=.o) $^
objcopy $(foreach section,.data .bss,--set-section-alignment $(section)=4096) \
        $(foreach section,.tdata .tbss,--set-section-alignment $(section)=128) $(@:.a=.o)
rm -f $@ && ar rcs $@ $(@:.a=.o)
endef
$(BUILD)/libstudy.a: $(UNDER_STUDY)
	$(MAKE_STUDY)

LINK_STUDY = $(CC) $(FLAGS) -pie -Wl,--wrap=main -o $@ $^ $(LDFLAGS) $(STUDY_LIBS) -lm -ldl

# Runs one cell of `capacitor coherence`.
SUBJECT_OBJECTS := $(call object,coherence/subject.c harness/workload.c harness/options.c)
$(BUILD)/subject: $(SUBJECT_OBJECTS) $(BUILD)/libstudy.a $(BUILD)/libcoherence.a
	$(LINK_STUDY)

.PHONY: observatory observatory-all
observatory: $(BUILD)/subject
observatory-all: $(addprefix $(BUILD)/,subject prove scaling ends cost schedules)
endif

# ---- Building ---------------------------------------------------------------------------------------------------

.PHONY: all
all: $(BUILD)/capacitor $(BUILD)/libcapacitor.so ## build the program and the library

$(BUILD)/capacitor: $(HARNESS_OBJECTS) $(BUILD)/libcapacitor.a
	$(CXX) $(FLAGS) -pie -rdynamic -o $@ $^ $(LDFLAGS) $(LIBRARY_LIBS) $(PROGRAM_LIBS)

$(BUILD)/libcapacitor.a: $(LIBRARY_OBJECTS)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/libcapacitor.so: $(LIBRARY_OBJECTS)
	$(CC) $(FLAGS) -shared -Wl,-soname,libcapacitor.so.0 -o $@ $^ $(LDFLAGS) $(LIBRARY_LIBS)

# A copy of a folder under impl/ must build beside the original: its one exported symbol takes the folder's name.
$(BUILD)/impl/%.c.o: impl/%.c | $(BUILD)/build_info.h
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -DIMPLEMENTATION_NAME=$(word 2,$(subst /, ,$<)) -MMD -MP -c -o $@ $<
	$(AFTER)

$(BUILD)/%.c.o: %.c | $(BUILD)/build_info.h
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -MMD -MP -c -o $@ $<
	$(AFTER)

$(BUILD)/%.cc.o: %.cc | $(BUILD)/build_info.h
	@mkdir -p $(@D)
	$(CXX) $(CXX_FLAGS) -MMD -MP -c -o $@ $<

# The record of `capacitor codec` in Protocol Buffers.
$(BUILD)/harness/%.pb-c.c $(BUILD)/harness/%.pb-c.h: harness/%.proto | $(BUILD)/packages
	@mkdir -p $(@D)
	protoc-c --c_out=$(@D) --proto_path=$(<D) $<
$(BUILD)/harness/%.pb-c.c.o: $(BUILD)/harness/%.pb-c.c
	$(CC) $(C_FLAGS) -w -c -o $@ $<
$(BUILD)/harness/codec_protobuf.c.o: | $(BUILD)/harness/codec_record.pb-c.h

$(BUILD)/table.c.o: $(BUILD)/table.c
	$(CC) $(C_FLAGS) -MMD -MP -c -o $@ $<
	$(AFTER)

# Rewritten at every run, replaced only when changed: a removed folder must leave the table, too.
.PHONY: always
$(BUILD)/table.c: always | $(BUILD)/packages
	@mkdir -p $(@D)
	@mk/implementation-table $(IMPLEMENTATIONS) | mk/replace-if-changed $@

$(BUILD)/build_info.h: always | $(BUILD)/packages
	@mkdir -p $(@D)
	@mk/build-info '$(CONF)' '$(CC)' '$(strip $(C_FLAGS))' | mk/replace-if-changed $@

# The distribution's packages that all of this needs; installs what is missing. Some checks need more of them.
$(BUILD)/packages $(BUILD)/packages-checks $(BUILD)/packages-profile: $(BUILD)/%: mk/% mk/install-packages
	@mk/install-packages $<
	@mkdir -p $(@D) && touch $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- The traced program -----------------------------------------------------------------------------------------

# The same harness on the same objects of the library, which call others by new names (calls.symbols) or through `ld --wrap`
# (wraps): locks, grace periods, evictions and operations are recorded without a line in the library for it.
TRACED_OBJECTS := $(call object,$(filter-out harness/traced/main.c,$(wildcard harness/traced/*.c)))
TRACED_WRAPS   := $(patsubst %,-Wl$(comma)--wrap=%,$(shell cat harness/traced/wraps))

$(BUILD)/libcapacitor-traced.a: $(BUILD)/libcapacitor.a harness/traced/calls.symbols
	objcopy --redefine-syms=harness/traced/calls.symbols $< $@

$(BUILD)/traced: $(call object,harness/traced/main.c) $(TRACED_OBJECTS) $(filter-out %/main.c.o,$(HARNESS_OBJECTS)) \
                 $(BUILD)/libcapacitor-traced.a | harness/traced/wraps
	$(CXX) $(FLAGS) -pie -rdynamic -o $@ $^ $(TRACED_WRAPS) $(LDFLAGS) $(LIBRARY_LIBS) $(PROGRAM_LIBS)

# Its parts are linked into their tests in the same way, which run the program, too.
$(BUILD)/tests/traced/%: private LDFLAGS += $(TRACED_WRAPS)
$(filter $(BUILD)/tests/traced/%,$(TESTS)): | $(BUILD)/traced $(BUILD)/capacitor

.PHONY: timeline
timeline: $(BUILD)/capacitor $(BUILD)/traced ## a trace of one point: operations, waits, grace periods (ARGS='--impl rcu ...')
	@$(BUILD)/capacitor timeline $(ARGS)

# ---- Testing ----------------------------------------------------------------------------------------------------

# A test program is one tests/<suite>/<name>_test.c, with the other files of its folder and the harness but its main().
# Those of tests/check are linked with the library's objects by other names for the calls at which threads meet.
define test_program
$(BUILD)/tests/$(1)/%_test: $(BUILD)/tests/$(1)/%_test.c.o $(call object,$(filter tests/$(1)/%,$(TEST_PARTS))) \
                            $(filter-out %/main.c.o,$(HARNESS_OBJECTS)) $(if $(filter traced,$(1)),$(TRACED_OBJECTS)) \
                            $(BUILD)/libcapacitor$(if $(filter check,$(1)),-points)$(if $(filter traced,$(1)),-traced).a
	$$(CXX) $$(FLAGS) -pie -o $$@ $$^ $$(LDFLAGS) $$(LIBRARY_LIBS) $$(PROGRAM_LIBS) $$(TEST_LIBS)
endef
$(foreach suite,$(sort $(notdir $(patsubst %/,%,$(dir $(TEST_PROGRAMS))))),$(eval $(call test_program,$(suite))))

$(BUILD)/libcapacitor-points.a: $(BUILD)/libcapacitor.a tests/check/points.symbols
	objcopy --redefine-syms=tests/check/points.symbols $< $@

$(BUILD)/check: $(call object,tests/check/main.c $(filter tests/check/%,$(TEST_PARTS))) \
                $(filter-out %/main.c.o,$(HARNESS_OBJECTS)) $(BUILD)/libcapacitor-points.a
	$(CXX) $(FLAGS) -pie -o $@ $^ $(LDFLAGS) $(LIBRARY_LIBS) $(PROGRAM_LIBS)

.PHONY: check-program
check-program: $(BUILD)/check

.PHONY: test
test: tests ## build and run all tests (CONF, CC)

# What a run of all tests did, in figures: the report of an experiment shows it.
CORRECTNESS = results/correctness/$(1)-$(CONF)-$(notdir $(CC)).json
# The same tests, whatever the configuration. Under ThreadSanitizer, programs whose threads share nothing are left out.
TESTS_tsan  := $(filter %/conformance_test %/team_test,$(TESTS))
# What the ELF files say of their hardening.
HARDENING_release = 'tests/hardening/run $(CC) $(BUILD)/capacitor $(BUILD)/libcapacitor.so $(BUILD)/check'
RUN_TESTS   := $(if $(TESTS_$(CONF)),$(TESTS_$(CONF)),$(TESTS))
CHECK_tsan  := --all --check linearizability/histories,linearizability/streams,stress/,faults/
# ThreadSanitizer of gcc 12 and clang 14 wants the address space of up to 28 random bits.
UNDER_tsan  := $(shell setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: tests
tests: $(RUN_TESTS) $(BUILD)/check $(BUILD)/capacitor $(BUILD)/libcapacitor.so
	@$(UNDER_$(CONF)) mk/run-tests $(if $(UNDER),--under '$(UNDER)') --counts $(BUILD)/tests.counts $(RUN_TESTS) \
	  $(HARDENING_$(CONF)) \
	  '$(BUILD)/check --tier test $(CHECK_$(CONF)) --tests $(BUILD)/tests.counts --out $(call CORRECTNESS,$(or $(RECORD),test))'

.PHONY: test-programs
test-programs: $(TESTS) $(BUILD)/check

.PHONY: tsan asan ubsan memcheck
tsan: ## ThreadSanitizer, gcc and clang: every implementation, policy and counter layout
	@$(MAKE) CONF=tsan CC=gcc tests
	@$(MAKE) CONF=tsan CC=clang tests
asan: ## AddressSanitizer and LeakSanitizer: all tests
	@$(MAKE) CONF=asan tests
ubsan: ## UndefinedBehaviorSanitizer: all tests
	@$(MAKE) CONF=ubsan tests

# The programs bring a malloc of their own, which valgrind has to be told of. Memory that is lost for certain is an error;
# what a thread holds while its process exits is not.
VALGRIND := valgrind -q --soname-synonyms=somalloc=NONE --fair-sched=yes --error-exitcode=66 --leak-check=full \
            --show-leak-kinds=definite --errors-for-leak-kinds=definite
# Left out: experiment_test, which starts itself (that is valgrind then), and simulate_test, whose memmove the fortified C
# library shares with memcpy, of which valgrind reports that it overlaps; and asm_test, which steps through machine code.
memcheck: $(BUILD)/packages-checks ## valgrind: all tests
	@$(MAKE) tests UNDER='$(VALGRIND)' RECORD=memcheck RUN_TESTS='$(filter-out %/experiment_test %/simulate_test %/asm_test,$(TESTS))'

# The programs that are about the library: the others test the harness; asm_test counts instructions, which coverage adds to.
COVERING := $(filter-out %/asm_test,$(filter %/conformance_test $(patsubst %.c,$(BUILD)/%,$(shell grep -l '"common/\|"capacitor/' tests/unit/*_test.c)),$(TESTS)))
.PHONY: coverage coverage-run
coverage: ## lines and branches of common/ and impl/ that the tests reach, and what is excluded, with reasons
	@$(MAKE) CONF=coverage CC=gcc coverage-run
coverage-run: $(BUILD)/packages-checks $(COVERING)
	@mk/coverage $(BUILD) $(COVERING)

.PHONY: check-long
check-long: $(BUILD)/check ## every check on every policy and counter layout: an hour
	@$(BUILD)/check --tier long --out $(call CORRECTNESS,long)

HOURS ?= 8
.PHONY: soak
soak: $(BUILD)/check ## rounds of check-long with new seeds (HOURS=8)
	@$(BUILD)/check --tier soak --hours $(HOURS) --out $(call CORRECTNESS,soak)

# ---- Coherence: proofs --------------------------------------------------------------------------------------------

# The runtime against closed forms and textbooks, and its records against each other: tests/coherence.
ifeq ($(CONF),coherence)
PROOFS := $(call object,tests/coherence/scenarios.c tests/coherence/locks.c tests/coherence/walks.c)
$(PROOFS): private FLAGS += $(INSTRUMENT)
$(PROOFS): private AFTER = objcopy --redefine-syms=coherence/calls.symbols $@
$(PROOFS): coherence/calls.symbols
$(BUILD)/tests/coherence/locks.c.o: private FLAGS += $(WITH_ck)

$(BUILD)/prove: $(call object,tests/coherence/prove.c tests/coherence/oracle.c tests/coherence/scenarios.c)
$(BUILD)/scaling: $(call object,tests/coherence/scaling.c tests/coherence/locks.c)
$(BUILD)/ends: $(call object,tests/coherence/ends.c tests/coherence/walks.c)
$(BUILD)/cost: $(call object,tests/coherence/cost.c tests/coherence/walks.c)
$(BUILD)/prove $(BUILD)/scaling $(BUILD)/ends $(BUILD)/cost: $(BUILD)/libcoherence.a
	$(CC) $(FLAGS) -pie -Wl,--wrap=main -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDFLAGS) -lm -ldl

# WRONG=<name> applies tests/coherence/mutants/<name>.sed to one file of the runtime, as BUG=<name> does to the library.
ifneq ($(WRONG),)
WRONG_SCRIPT := tests/coherence/mutants/$(WRONG).sed
WRONG_FILE   := $(shell sed -n 's/^. file: //p' $(WRONG_SCRIPT))
WRONG_PLACE  := $(BUILD)/wrong/$(WRONG)

$(WRONG_PLACE)/$(WRONG_FILE): $(WRONG_FILE) $(WRONG_SCRIPT)
	@mkdir -p $(@D)
	@sed -f $(WRONG_SCRIPT) $< >$@
	@! cmp -s $< $@ || { echo '$(WRONG_SCRIPT) changes nothing in $<' >&2; exit 1; }

$(WRONG_PLACE)/prove: $(WRONG_PLACE)/$(WRONG_FILE) $(call object,tests/coherence/prove.c tests/coherence/oracle.c tests/coherence/scenarios.c) \
                      $(filter-out $(call object,$(WRONG_FILE)),$(COHERENCE_RUNTIME))
	$(CC) $(C_FLAGS) -w -c -o $<.o $<
	$(CC) $(FLAGS) -pie -Wl,--wrap=main -o $@ $<.o $(filter %.o,$^) $(LDFLAGS) -lm -ldl

.PHONY: prove-wrong
prove-wrong: $(WRONG_PLACE)/prove
endif

.PHONY: run-proofs run-forms run-cost
run-forms: $(BUILD)/prove $(BUILD)/scaling $(BUILD)/ends
	@mk/run-tests $(BUILD)/prove $(BUILD)/scaling $(BUILD)/ends
run-proofs: $(BUILD)/prove $(BUILD)/scaling $(BUILD)/ends
	@mk/run-tests $(BUILD)/prove $(BUILD)/scaling $(BUILD)/ends 'tests/coherence/records $(BUILD)/prove' \
	  'tests/coherence/repeat $(BUILD)/prove'
run-cost: $(BUILD)/cost
	@$(BUILD)/cost
endif

# ---- Schedules ----------------------------------------------------------------------------------------------------

# Every access of the implementations is a place at which another thread may go on: tests/schedules. Batches of one, so that memory
# comes back early.
ifeq ($(CONF),coherence)
SMALL_OBJECTS := $(patsubst %,$(BUILD)/small/%.o,$(COMMON_SOURCES) $(IMPL_SOURCES))
SCHEDULES_OBJECTS := $(call object,tests/schedules/main.c tests/schedules/scenarios.c tests/check/history.c tests/check/wing_gong.c \
                       harness/options.c harness/progress.c)
$(BUILD)/tests/schedules/bugs.c.o $(SMALL_OBJECTS): private FLAGS += $(INSTRUMENT)
$(BUILD)/tests/schedules/bugs.c.o $(SMALL_OBJECTS): private AFTER = objcopy --redefine-syms=coherence/calls.symbols $@
$(SMALL_OBJECTS): coherence/calls.symbols
$(BUILD)/small/impl/rcu/%: private FLAGS += $(WITH_urcu)
$(BUILD)/small/impl/ck_hs/%: private FLAGS += $(WITH_ck)

$(BUILD)/small/%.c.o: %.c | $(BUILD)/build_info.h
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -DBATCH_ENTRIES=1 $(if $(filter impl/%,$<),-DIMPLEMENTATION_NAME=$(word 2,$(subst /, ,$<))) -MMD -MP -c -o $@ $<
	$(AFTER)

LINK_SCHEDULES = $(CC) $(FLAGS) -pie -Wl,--wrap=main -o $@ $(filter %.o %.a,$^) $(LDFLAGS) $(STUDY_LIBS) -lm -ldl
$(BUILD)/schedules: $(SCHEDULES_OBJECTS) $(BUILD)/tests/schedules/bugs.c.o $(SMALL_OBJECTS) $(BUILD)/table.c.o \
                    $(filter-out $(LIBRARY_OBJECTS),$(UNDER_STUDY)) $(BUILD)/libcoherence.a
	$(LINK_SCHEDULES)

.PHONY: run-schedules
run-schedules: $(BUILD)/schedules
	@mk/run-tests '$(BUILD)/schedules $(SCHEDULES_$(or $(TIER_OF_SCHEDULES),smoke))' '$(BUILD)/schedules --bugs'
endif

# The planted bugs without the observatory, to compare with.
ifneq ($(CONF),coherence)
$(BUILD)/natively: $(call object,tests/schedules/natively.c tests/schedules/bugs.c)
	$(CC) $(FLAGS) -pie -o $@ $^ $(LDFLAGS)
endif

# 10^5 of each kind, over scenarios and implementations, in the long tier.
SCHEDULES_smoke := --seconds 40
SCHEDULES_long  := --schedules 5000
.PHONY: schedules schedules-table
schedules: $(BUILD)/packages ## explore interleavings of every access of every implementation (TIER=long: 2 * 10^5)
	@$(MAKE) CONF=coherence CC=gcc TIER_OF_SCHEDULES=$(filter long,$(TIER)) run-schedules
schedules-table: $(BUILD)/packages ## planted bugs by kind of schedule: how many seeds find each (to results/)
	@mk/schedules-table

.PHONY: proofs proofs-controls coherence-cost
proofs: $(BUILD)/packages ## the coherence runtime: closed forms, textbook locks, the same bytes again; gcc and clang
	@$(MAKE) CONF=coherence CC=gcc run-proofs
	@$(MAKE) CONF=coherence CC=clang run-proofs
proofs-controls: $(BUILD)/packages ## plant bugs in the coherence runtime and see the closed forms catch each
	@tests/coherence/controls
coherence-cost: $(BUILD)/packages ## what the coherence runtime costs: time per access, memory per line
	@$(MAKE) -s CONF=coherence run-cost

# ---- Fuzzing ----------------------------------------------------------------------------------------------------

$(BUILD)/%_fuzz: $(BUILD)/tests/fuzz/%_fuzz.c.o $(filter-out %/main.c.o,$(HARNESS_OBJECTS)) $(BUILD)/libcapacitor.a
	$(CXX) $(FLAGS) -fsanitize=fuzzer -o $@ $^ $(LDFLAGS) $(LIBRARY_LIBS) $(PROGRAM_LIBS)

.PHONY: fuzz fuzz-programs
fuzz-programs: $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/*_fuzz.c))
fuzz: ## libFuzzer: calls against a reference map, trace readers, options (ARGS='--seconds 600 --target calls')
	@$(MAKE) -s CONF=fuzz CC=clang fuzz-programs
	@mk/fuzz $(ARGS)

# ---- What the probes cost ----------------------------------------------------------------------------------------

# The library without one of its probes (common/probes.h), or without any, under the very harness of the build with them all.
WITHOUT := locks room grace all
WITHOUT_locks := PROBE_ROOM|PROBE_GRACE
WITHOUT_room  := PROBE_LOCKS|PROBE_GRACE
WITHOUT_grace := PROBE_LOCKS|PROBE_ROOM
WITHOUT_all   := 0
define without_probe
$(BUILD)/without-$(1)/%.c.o: %.c | $(BUILD)/build_info.h
	@mkdir -p $$(@D)
	$$(CC) $$(C_FLAGS) '-DPROBES=($(WITHOUT_$(1)))' $$(if $$(filter impl/%,$$<),-DIMPLEMENTATION_NAME=$$(word 2,$$(subst /, ,$$<))) \
	  -MMD -MP -c -o $$@ $$<

$(BUILD)/without-$(1)/capacitor: $(HARNESS_OBJECTS) $(BUILD)/table.c.o \
                                 $(patsubst %,$(BUILD)/without-$(1)/%.o,$(COMMON_SOURCES) $(IMPL_SOURCES))
	$$(CXX) $$(FLAGS) -pie -rdynamic -o $$@ $$^ $$(LDFLAGS) $$(LIBRARY_LIBS) $$(PROGRAM_LIBS)
endef
$(foreach probe,$(WITHOUT),$(eval $(call without_probe,$(probe))))

.PHONY: probes probe-programs
probe-programs: $(BUILD)/capacitor $(WITHOUT:%=$(BUILD)/without-%/capacitor)
probes: probe-programs ## what the library's own measuring costs, for the report: ten minutes (ARGS='--rounds 6 ...')
	@$(BUILD)/capacitor probes $(ARGS)

# ---- Planted bugs -----------------------------------------------------------------------------------------------

# The sources carry no bugs. BUG=<name> applies tests/mutants/<name>.sed to one file of the library on its way to the
# compiler; `make BUG=<name> broken` links the test programs with what comes of it, in a folder beside the sound build,
# of which everything else is used as it is. mk/kill-matrix does so for each bug and configuration.
ifneq ($(BUG),)
BROKEN     := $(BUILD)/bugs/$(BUG)
BUG_SCRIPT := $(firstword $(wildcard tests/mutants/$(BUG).sed tests/fuzz/mutants/$(BUG).sed tests/profile/$(BUG).sed))
BUG_FILE   := $(shell sed -n 's/^. file: //p' $(BUG_SCRIPT))
# A header is a part of nearly every object.
BROKEN_SOURCES := $(if $(filter %.h,$(BUG_FILE)),$(COMMON_SOURCES) $(IMPL_SOURCES),$(BUG_FILE))

$(BROKEN)/$(BUG_FILE): $(BUG_FILE) $(BUG_SCRIPT)
	@mkdir -p $(@D)
	@sed -f $(BUG_SCRIPT) $< >$@
	@! cmp -s $< $@ || { echo '$(BUG_SCRIPT) changes nothing in $<' >&2; exit 1; }

$(BROKEN)/%.c.o: %.c $(BROKEN)/$(BUG_FILE) | $(BUILD)/build_info.h
	@mkdir -p $(@D)
	$(CC) -I$(BROKEN) $(C_FLAGS) $(if $(filter impl/%,$<),-DIMPLEMENTATION_NAME=$(word 2,$(subst /, ,$<))) -c -o $@ \
	  $(if $(filter $(BUG_FILE),$<),$(BROKEN)/)$<
	$(AFTER)

# Under the observatory.
ifeq ($(CONF),coherence)
$(BROKEN)/%.c.o: private FLAGS += $(INSTRUMENT)
$(BROKEN)/%.c.o: private AFTER = objcopy --redefine-syms=coherence/calls.symbols $@
$(BROKEN)/impl/rcu/%: private FLAGS += $(WITH_urcu)
$(BROKEN)/impl/ck_hs/%: private FLAGS += $(WITH_ck)

$(BROKEN)/libstudy.a: $(patsubst %,$(BROKEN)/%.o,$(BROKEN_SOURCES)) $(filter-out $(call object,$(BROKEN_SOURCES)),$(UNDER_STUDY))
	$(MAKE_STUDY)

$(BROKEN)/subject: $(SUBJECT_OBJECTS) $(BROKEN)/libstudy.a $(BUILD)/libcoherence.a
	$(LINK_STUDY)

$(BROKEN)/small/%.c.o: %.c $(BROKEN)/$(BUG_FILE) | $(BUILD)/build_info.h
	@mkdir -p $(@D)
	$(CC) -I$(BROKEN) $(C_FLAGS) -DBATCH_ENTRIES=1 $(if $(filter impl/%,$<),-DIMPLEMENTATION_NAME=$(word 2,$(subst /, ,$<))) -c -o $@ \
	  $(if $(filter $(BUG_FILE),$<),$(BROKEN)/)$<
	$(AFTER)
$(BROKEN)/small/impl/rcu/%: private FLAGS += $(WITH_urcu)
$(BROKEN)/small/impl/ck_hs/%: private FLAGS += $(WITH_ck)

$(BROKEN)/schedules: $(SCHEDULES_OBJECTS) $(BUILD)/tests/schedules/bugs.c.o $(patsubst %,$(BROKEN)/small/%.o,$(BROKEN_SOURCES)) \
                     $(filter-out $(patsubst %,$(BUILD)/small/%.o,$(BROKEN_SOURCES)),$(SMALL_OBJECTS)) $(BUILD)/table.c.o \
                     $(filter-out $(LIBRARY_OBJECTS),$(UNDER_STUDY)) $(BUILD)/libcoherence.a
	$(LINK_SCHEDULES)
endif

$(BROKEN)/libcapacitor.a: $(patsubst %,$(BROKEN)/%.o,$(BROKEN_SOURCES)) \
                          $(filter-out $(call object,$(BROKEN_SOURCES)),$(LIBRARY_OBJECTS))
	rm -f $@ && ar rcs $@ $^

$(BROKEN)/libcapacitor-points.a: $(BROKEN)/libcapacitor.a tests/check/points.symbols
	objcopy --redefine-syms=tests/check/points.symbols $< $@

$(BROKEN)/conformance_test: $(call object,$(filter tests/conformance/%,$(TEST_PROGRAMS) $(TEST_PARTS))) \
                            $(filter-out %/main.c.o,$(HARNESS_OBJECTS)) $(BROKEN)/libcapacitor.a
	$(CXX) $(FLAGS) -pie -o $@ $^ $(LDFLAGS) $(LIBRARY_LIBS) $(PROGRAM_LIBS) $(TEST_LIBS)

$(BROKEN)/check: $(call object,tests/check/main.c $(filter tests/check/%,$(TEST_PARTS))) \
                 $(filter-out %/main.c.o,$(HARNESS_OBJECTS)) $(BROKEN)/libcapacitor-points.a
	$(CXX) $(FLAGS) -pie -o $@ $^ $(LDFLAGS) $(LIBRARY_LIBS) $(PROGRAM_LIBS)

# The program with it: what is slower on purpose, for mk/regress-controls.
# A file of the harness, broken, comes with the library.
$(BROKEN)/%_fuzz: $(BUILD)/tests/fuzz/%_fuzz.c.o $(filter-out %/main.c.o $(call object,$(BUG_FILE)),$(HARNESS_OBJECTS)) \
                  $(BROKEN)/libcapacitor.a
	$(CXX) $(FLAGS) -fsanitize=fuzzer -o $@ $^ $(LDFLAGS) $(LIBRARY_LIBS) $(PROGRAM_LIBS)

# For profiles: the program itself, and the one that records locks.
$(BROKEN)/capacitor: $(HARNESS_OBJECTS) $(BROKEN)/libcapacitor.a
	$(CXX) $(FLAGS) -pie -rdynamic -o $@ $^ $(LDFLAGS) $(LIBRARY_LIBS) $(PROGRAM_LIBS)

$(BROKEN)/libcapacitor-traced.a: $(BROKEN)/libcapacitor.a harness/traced/calls.symbols
	objcopy --redefine-syms=harness/traced/calls.symbols $< $@

$(BROKEN)/traced: $(call object,harness/traced/main.c) $(TRACED_OBJECTS) $(filter-out %/main.c.o,$(HARNESS_OBJECTS)) \
                  $(BROKEN)/libcapacitor-traced.a
	$(CXX) $(FLAGS) -pie -rdynamic -o $@ $^ $(TRACED_WRAPS) $(LDFLAGS) $(LIBRARY_LIBS) $(PROGRAM_LIBS)

.PHONY: broken broken-fuzz broken-profile
broken-profile: $(BROKEN)/capacitor $(if $(wildcard harness/traced/main.c),$(BROKEN)/traced)
broken-fuzz: $(BROKEN)/$(or $(shell sed -n 's/^. fuzz: //p' $(BUG_SCRIPT)),calls)_fuzz
broken: $(BROKEN)/conformance_test $(BROKEN)/check
endif

.PHONY: kill-matrix
kill-matrix: $(BUILD)/packages ## plant bugs and table which tool catches each (ARGS='--only a,b --tools tsan')
	@mk/kill-matrix --with matrix $(ARGS)

.PHONY: mutants
mutants: $(BUILD)/packages ## plant bugs and see the conformance suite catch each
	@mk/kill-matrix --with conformance --tools conformance $(ARGS)

.PHONY: tsan-controls
tsan-controls: $(BUILD)/packages ## plant races and see ThreadSanitizer catch each
	@mk/kill-matrix --with tsan --tools tsan $(ARGS)

.PHONY: kill-matrix-ci
kill-matrix-ci: $(BUILD)/packages ## a few planted bugs that are caught every time: two minutes
	@mk/kill-matrix --with ci --tools conformance $(ARGS)

# ---- Style ------------------------------------------------------------------------------------------------------

.PHONY: lint
lint: $(BUILD)/packages ## warnings as errors with both compilers, the header as C11 and C++17, and our own rules
	@mk/lint

# ---- Experiments ------------------------------------------------------------------------------------------------

.PHONY: experiment
experiment: $(BUILD)/capacitor ## run the experiments (TIER=smoke|laptop|full, TRACES=dir, ONLY=threads,mix, OUT=dir)
	@$(MAKE) -s CONF=coherence CC=gcc observatory || echo 'Without the observatory: the chapter on coherence is left out.' >&2
	@$(BUILD)/capacitor experiment --tier $(TIER) $(if $(TRACES),--traces '$(TRACES)') $(if $(ONLY),--only $(ONLY)) \
	  $(if $(OUT),--out '$(OUT)')

.PHONY: plots
plots: $(BUILD)/capacitor ## draw the plots and the report of a run again (RUN=results/...)
	@test -n '$(RUN)' || { echo 'make plots: RUN=results/<run> is missing; runs: '$$(ls -d results/*/ 2>/dev/null) >&2; exit 2; }
	@$(BUILD)/capacitor report '$(RUN)'

.PHONY: bench
bench: $(BUILD)/capacitor ## one benchmark (ARGS='--suite basic ...')
	@$(BUILD)/capacitor bench $(ARGS)

# ---- Profiles -----------------------------------------------------------------------------------------------------

.PHONY: profile profile-programs profile-controls
profile-programs: $(BUILD)/capacitor $(if $(wildcard harness/traced/main.c),$(BUILD)/traced)
profile: profile-programs ## CPU, heap, locks, off-CPU: lists, pictures, a page (IMPL=rcu SUITE=basic ARGS='--seconds 5s ...')
	@mk/install-packages mk/packages-profile || echo 'Without them: what cannot be had is said below.' >&2
	@$(BUILD)/capacitor profile $(if $(IMPL),--impl '$(IMPL)') $(if $(SUITE),--suite '$(SUITE)') $(ARGS)
profile-controls: $(BUILD)/packages-profile profile-programs ## plant what each profiler must put first, and see that it does
	@mk/profile-controls

# ---- What changed -------------------------------------------------------------------------------------------------

.PHONY: compare regress regress-controls
compare: $(BUILD)/capacitor ## what changed between two runs (BASE=... NEW=..., or BASE=... ARGS='--by impl')
	@test -n '$(BASE)' || { echo 'make compare: BASE=<run> is missing, a folder of results/ or JSON of bench' >&2; exit 2; }
	@$(BUILD)/capacitor compare '$(BASE)' $(if $(NEW),'$(NEW)') $(ARGS)
regress: $(BUILD)/capacitor ## is anything worse than BASE=<run, JSON or commit>? Both builds in turn; status 1 if so
	@test -n '$(BASE)' || { echo 'make regress: BASE=<run, JSON of bench, or commit> is missing' >&2; exit 2; }
	@$(MAKE) -s CONF=coherence CC=gcc observatory || echo 'Without the observatory: coherence/baseline.tsv is taken at its word.' >&2
	@$(BUILD)/capacitor regress '$(BASE)' $(ARGS)
regress-controls: $(BUILD)/capacitor ## plant a slowdown of 15 % and see regress catch it; A against A, 20 times: ten minutes
	@mk/regress-controls $(ARGS)

# ---- The observatory ----------------------------------------------------------------------------------------------

.PHONY: coherence coherence-subject gate gate-controls
coherence-subject: $(BUILD)/packages
	@$(MAKE) -s CONF=coherence observatory
coherence: $(BUILD)/capacitor coherence-subject ## coherence misses, true and false, on virtual cores (ARGS='--impl rcu ...')
	@$(BUILD)/capacitor coherence $(ARGS)
gate: $(BUILD)/capacitor coherence-subject ## coherence misses against the baseline, exactly (ARGS=--write renews it)
	@$(BUILD)/capacitor gate $(ARGS)

gate-controls: $(BUILD)/capacitor coherence-subject ## plant misses and see the gate turn red, naming the field
	@mk/gate-controls

.PHONY: alloc-check alloc-check-controls analyze
analyze: $(BUILD)/capacitor ## what a run found, in order of what it costs, and what to do (RUN=results/...)
	@test -n '$(RUN)' || { echo 'make analyze: RUN=results/<run> is missing; runs: '$$(ls -d results/*/ 2>/dev/null) >&2; exit 2; }
	@$(BUILD)/capacitor analyze '$(RUN)' $(ARGS)
alloc-check: $(BUILD)/capacitor ## fail when get or delete allocates, or set more than once, naming the call site
	@$(BUILD)/capacitor alloc-check $(ARGS)
alloc-check-controls: $(BUILD)/capacitor ## plant allocations and see alloc-check name the function
	@mk/alloc-check-controls

.PHONY: clean
clean: ## remove build/ (results/ stays)
	rm -rf build

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  CONF=release|debug|asan|ubsan|tsan, CC=gcc|clang, WERROR=1 change how it is built."
