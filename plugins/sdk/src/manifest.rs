/// What a policy says of itself. Its worlds and needs are read from the component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The name that contracts use; the file must be `<name>.wasm`.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// One line for people.
    pub doc: String,
    /// JSON Schema of the parameters, as JSON text.
    pub params_schema: String,
}
