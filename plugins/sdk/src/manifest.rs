/// What a policy says of itself. Its worlds and needs are read from the component.
///
/// What is left out is that of [`Manifest::default`]: a policy without parameters, isolated by call.
///
/// ```
/// use rolecall_plugin::{Isolation, Manifest};
///
/// let manifest = Manifest {
///     name: "calm".into(),
///     version: "1.0.0".into(),
///     doc: "Forbids shouting.".into(),
///     ..Manifest::default()
/// };
/// assert_eq!(manifest.isolation, Isolation::Call);
/// assert!(manifest.params_schema.contains("additionalProperties"));
/// ```
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
    /// How long an instance should live.
    pub isolation: Isolation,
}

/// How long a policy wishes its instances to live. The host may isolate more strictly: by session only where
/// the operator grants it. No instance ever serves two sessions, and none is entered again after it failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// For one call of `check`, `merge` or `same`, or for one stream: the policy has no memory.
    #[default]
    Call,
    /// For the calls of one session, one after another. For policies that are dear to make; their
    /// answers must be the same on a fresh instance, for the host may begin one at any time.
    Session,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            name: String::new(),
            version: String::new(),
            doc: String::new(),
            params_schema: r#"{ "type": "object", "additionalProperties": false }"#.to_owned(),
            isolation: Isolation::default(),
        }
    }
}
