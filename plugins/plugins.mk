# Builds each guest for wasm and packs it, where something that goes into it has changed. The root
# Makefile includes this file; CARGO, TARGET and `build` are its.

PLUGIN_NAMES   := classical_tone digest hello number_guard politeness
PLUGIN_MODULES := $(TARGET)/wasm32-unknown-unknown/plugin
PLUGIN_STAMP   := $(PLUGIN_MODULES)/.built
PLUGIN_INPUTS  := Cargo.toml Cargo.lock \
	$(shell find plugins -type f \( -name '*.rs' -o -name '*.wit' -o -name '*.json' -o -name Cargo.toml \))
# The policy that misbehaves, the one of an older ABI and the one that tries what a host offers are for
# tests: they never land in the plugin folder. They are built here too, so that they are there when the
# host's tests need them.
PLUGIN_TESTED  := $(TARGET)/hostile/hostile.wasm $(TARGET)/hostile/sampler.wasm

.PHONY: plugins
plugins: $(PLUGIN_NAMES:%=plugins/%.wasm) $(PLUGIN_TESTED) ## Build the policies into plugins/*.wasm

$(PLUGIN_STAMP): $(PLUGIN_INPUTS)
	@[ -d "$$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ] || rustup target add wasm32-unknown-unknown
	@$(CARGO) build --profile plugin --target wasm32-unknown-unknown \
		$(PLUGIN_NAMES:%=-p rolecall-%) -p rolecall-hostile -p rolecall-legacy -p rolecall-sampler
	@touch $@

# `plugin pack` writes a temporary file and renames it.
plugins/%.wasm: $(PLUGIN_STAMP)
	@$(MAKE) build
	@$(TARGET)/debug/rolecall plugin pack $(PLUGIN_MODULES)/rolecall_$*.wasm -o $@

$(TARGET)/hostile/%.wasm: $(PLUGIN_STAMP)
	@$(MAKE) build
	@mkdir -p $(@D)
	@$(TARGET)/debug/rolecall plugin pack $(PLUGIN_MODULES)/rolecall_$*.wasm -o $@
