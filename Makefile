# Short names for what is done often.  The work itself stands in meson.build, tools/, tests/ and
# bench/; `make help` lists the names.

BUILD  = build
PREFIX = /usr/local
DESTDIR =

.DEFAULT_GOAL = build
.PHONY: help build run test bench asan tsan fuzz lint format docs install uninstall clean

help:                  ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 22

build: packages-build $(BUILD)/build.ninja   ## compile into build/
	@ninja -C $(BUILD)

run: packages-run $(BUILD)/build.ninja       ## build, then serve the example shop
	@ninja -C $(BUILD) weir
	@exec tools/run_example.sh $(BUILD)/weir

test: packages-test                          ## all tests; tests/run --list names their parts
	@tests/run

bench: packages-bench build                  ## Weir beside its peers, about ten minutes
	@bench/run

asan: packages-test                          ## unit tests and stories, address and UB sanitizers
	@tests/run asan

tsan: packages-test                          ## unit tests and some stories, thread sanitizer
	@tests/run tsan

fuzz: packages-test                          ## each fuzz target for a while; EACH=30
	@tools/fuzz.sh

lint: packages-lint $(BUILD)/build.ninja     ## format, style, layers, static analysis
	@tools/lint.sh $(BUILD)

format: packages-lint                        ## rewrite the C files as clang-format has it
	@git ls-files '*.[ch]' | xargs clang-format -i

docs: build                                  ## the reference pages, from the tables
	@tools/make_docs.py $(BUILD)/weir

install: packages-build $(BUILD)/build.ninja ## into DESTDIR and PREFIX
	@meson configure $(BUILD) --prefix $(PREFIX)
	@ninja -C $(BUILD)
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

uninstall:                                   ## what the last install put there
	@ninja -C $(BUILD) uninstall

clean:                                       ## forget what was built
	@rm -rf $(BUILD) build-clang build-asan build-tsan build-fuzz

$(BUILD)/build.ninja:
	@meson setup --prefix $(PREFIX) $(BUILD)

packages-test: WANTED = test browser lint
packages-%:
	@tools/install_packages.sh build $(or $(WANTED),$(filter-out build,$*))
