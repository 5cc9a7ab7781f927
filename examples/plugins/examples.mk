# Builds the plugin projects of examples/plugins, each as `rolecall plugin new` writes it. Tools go into
# the target folder. The root Makefile includes this file; CARGO, PYTHON, TARGET and `build` are its.

EXAMPLES       := $(abspath $(TARGET))/plugin-examples
EXAMPLE_NAMES  := $(foreach lang,rust js python c,$(lang)_constraint $(lang)_delivery)
EXAMPLE_NODE   := $(EXAMPLES)/node_modules/.package-lock.json
EXAMPLE_PYTHON := $(EXAMPLES)/venv/installed
# What goes into every project, and into those in Rust.
EXAMPLE_SHARED := $(wildcard plugins/wit/v1/*.wit runtime/src/cli/plugin/new/*.rs)
EXAMPLE_GUEST  := Cargo.lock plugins/sdk/Cargo.toml $(shell find plugins/sdk/src -type f)

.PHONY: plugins-examples test-examples
plugins-examples: $(EXAMPLE_NAMES:%=$(EXAMPLES)/%.wasm) ## Build the plugin projects in examples/plugins

test-examples: plugins-examples ## Run the unit tests of the plugin projects
	@for name in $(filter-out c_%,$(EXAMPLE_NAMES)); do \
		CARGO_TARGET_DIR=$(EXAMPLES)/cargo PYTHONDONTWRITEBYTECODE=1 $(MAKE) -C $(EXAMPLES)/projects/$$name test; \
	done

# $(call project,LANG_KIND): writes the project into its folder.
project = rm -rf $(EXAMPLES)/projects/$(1) && mkdir -p $(EXAMPLES)/projects && \
	$(abspath $(TARGET))/debug/rolecall plugin new $(EXAMPLES)/projects/$(1) \
	--lang $(firstword $(subst _, ,$(1))) --kind $(lastword $(subst _, ,$(1))) >/dev/null
# $(call sources,LANG_KIND): the template's files, without what somebody built beside them.
sources = $(shell find examples/plugins/$(subst _,/,$(1)) \
	\( -name node_modules -o -name .venv -o -name __pycache__ -o -name build \) -prune -o -type f -print)
# How a project is built once it is written; by then all tools are there.
RUN_rust   = CARGO_TARGET_DIR=$(EXAMPLES)/cargo $(MAKE) ROLECALL=$(abspath $(TARGET))/debug/rolecall
RUN_js     = $(MAKE) PACKAGES=$(EXAMPLES)/node_modules
RUN_python = $(MAKE) VENV=$(EXAMPLES)/venv
RUN_c      = ZIG_GLOBAL_CACHE_DIR=$(EXAMPLES)/zig \
	$(MAKE) VENV=$(EXAMPLES)/venv ROLECALL=$(abspath $(TARGET))/debug/rolecall

# The crates are those of this repository's lock file.
READY_rust = cp Cargo.lock $(EXAMPLES)/projects/$(1)/

define EXAMPLE_RULE
$(EXAMPLES)/$(1).wasm: $(call sources,$(1)) $(EXAMPLE_SHARED)
	@$(MAKE) build
	@$(call project,$(1))
	@$(or $(READY_$(firstword $(subst _, ,$(1)))),true)
	@$(RUN_$(firstword $(subst _, ,$(1)))) -C $(EXAMPLES)/projects/$(1)
	@mv $(EXAMPLES)/projects/$(1)/$(1).wasm $$@
endef
$(foreach name,$(EXAMPLE_NAMES),$(eval $(call EXAMPLE_RULE,$(name))))

$(EXAMPLES)/rust_constraint.wasm $(EXAMPLES)/rust_delivery.wasm: $(EXAMPLE_GUEST) | example-target
$(EXAMPLES)/js_constraint.wasm $(EXAMPLES)/js_delivery.wasm: $(EXAMPLE_NODE)
$(EXAMPLES)/python_constraint.wasm $(EXAMPLES)/python_delivery.wasm: $(EXAMPLE_PYTHON)
$(EXAMPLES)/c_constraint.wasm $(EXAMPLES)/c_delivery.wasm: $(EXAMPLE_PYTHON)

.PHONY: example-target
example-target:
	@[ -d "$$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ] || rustup target add wasm32-unknown-unknown

# Node looks for packages in the folders above, so that one installation serves both projects.
$(EXAMPLE_NODE): examples/plugins/js/constraint/package-lock.json
	@command -v npm >/dev/null || { echo "Node 20 or newer with npm is missing. On Debian 13 and later:" \
		"sudo apt-get install nodejs npm; elsewhere: https://nodejs.org" >&2; exit 1; }
	@mkdir -p $(EXAMPLES)
	@cp examples/plugins/js/constraint/package.json $< $(EXAMPLES)/
	@cd $(EXAMPLES) && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

$(EXAMPLE_PYTHON): $(wildcard examples/plugins/*/constraint/requirements.txt)
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python 3 with the venv module is missing." \
		"On Debian and Ubuntu: sudo apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -q --disable-pip-version-check $(^:%=-r %)
	@touch $@
