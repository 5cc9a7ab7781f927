# Builds each guest for wasm and packs it, where something that goes into it has changed. The root
# Makefile includes this file; CARGO, TARGET and `build` are its.

PLUGIN_NAMES   := classical_tone digest hello number_guard politeness
PLUGIN_MODULES := $(TARGET)/wasm32-unknown-unknown/plugin
PLUGIN_STAMP   := $(PLUGIN_MODULES)/.built
PLUGIN_INPUTS  := Cargo.toml Cargo.lock \
	$(shell find plugins -type f \( -name '*.rs' -o -name '*.wit' -o -name '*.json' -o -name Cargo.toml \))
# The policy that misbehaves and the one of an older ABI are for tests: they never land in the plugin
# folder. The latter is built here too, so that it is there when the host's tests need it.
PLUGIN_HOSTILE := $(TARGET)/hostile/hostile.wasm

.PHONY: plugins
plugins: $(PLUGIN_NAMES:%=plugins/%.wasm) $(PLUGIN_HOSTILE) ## Build the policies into plugins/*.wasm

$(PLUGIN_STAMP): $(PLUGIN_INPUTS)
	@[ -d "$$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ] || rustup target add wasm32-unknown-unknown
	@$(CARGO) build --profile plugin --target wasm32-unknown-unknown \
		$(PLUGIN_NAMES:%=-p rolecall-%) -p rolecall-hostile -p rolecall-legacy
	@touch $@

# `plugin pack` writes a temporary file and renames it.
plugins/%.wasm: $(PLUGIN_STAMP)
	@$(MAKE) build
	@$(TARGET)/debug/rolecall plugin pack $(PLUGIN_MODULES)/rolecall_$*.wasm -o $@

$(PLUGIN_HOSTILE): $(PLUGIN_STAMP)
	@$(MAKE) build
	@mkdir -p $(@D)
	@$(TARGET)/debug/rolecall plugin pack $(PLUGIN_MODULES)/rolecall_hostile.wasm -o $@
