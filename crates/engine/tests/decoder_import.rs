//! Language models into the store: from shards and from GGUF, and what they then say.
#![allow(clippy::unwrap_used)] // A failed test may panic.

use std::path::{Path, PathBuf};

use engine::decoder::{Decoder, DecoderOptions, KvKind};
use engine::store::{COMPILED_TOKENIZER, ModelStore, TOKENIZER};
use engine::tokenizer::DecoderTokenizer;
use engine::weights::Source;
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tools/fixtures/decoder")
        .join(name)
}

/// The characters of GPT-2's alphabet, by byte.
fn alphabet() -> Vec<String> {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut others = (0x100..).filter_map(char::from_u32);
    let mut character = |byte: u8| match printable(byte) {
        true => char::from(byte),
        false => others.next().unwrap(),
    };
    (0..=255).map(|byte| character(byte).to_string()).collect()
}

/// A byte-level tokenizer that the fixtures' vocabulary has room for.
fn tokenizer() -> String {
    let vocab: serde_json::Map<String, Value> = alphabet()
        .into_iter()
        .enumerate()
        .map(|(id, piece)| (piece, json!(id)))
        .collect();
    json!({
        "added_tokens": [], "normalizer": null, "post_processor": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
        "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": vocab, "merges": []},
    })
    .to_string()
}

/// The logits after every token of a text.
fn logits(folder: &Path) -> Vec<f32> {
    let options = DecoderOptions {
        threads: Some(1),
        kv: KvKind::F32,
        ..DecoderOptions::default()
    };
    let decoder = Decoder::open(folder, &options).unwrap();
    let ids = [1, 20, 3, 44, 5, 6, 17, 8];
    let mut sequence = decoder.start(&ids).unwrap();
    decoder.read_all(&mut sequence, &ids).unwrap()
}

#[test]
fn a_sharded_model_is_installed_whole_with_its_tokenizer_compiled() {
    let home = tempfile::tempdir().unwrap();
    let from = home.path().join("published");
    std::fs::create_dir(&from).unwrap();
    for file in std::fs::read_dir(fixture("qwen2-sharded")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), from.join(file.file_name())).unwrap();
    }
    let store = ModelStore::new(home.path().join("models"));
    let error = store.import(&from, None).unwrap_err().to_string();
    assert!(error.contains("tokenizer.json is missing"), "{error}");
    std::fs::write(from.join(TOKENIZER), tokenizer()).unwrap();
    let info = store.import(&from, Some("m")).unwrap();
    assert_eq!(
        (info.kind.as_str(), info.arch.as_str()),
        ("decoder", "qwen2")
    );
    let shards: Vec<&str> = info
        .files
        .iter()
        .map(|file| file.name.as_str())
        .filter(|name| name.starts_with("model-"))
        .collect();
    assert_eq!(shards.len(), 3);
    assert!(
        info.files
            .iter()
            .any(|file| file.name == COMPILED_TOKENIZER)
    );
    assert_eq!(store.verify("m").unwrap(), info);
    assert_eq!(logits(&store.path("m")), logits(&fixture("qwen2-sharded")));
    let opened = DecoderTokenizer::open(&store.path("m")).unwrap();
    assert!(opened.is_compact());
    assert_eq!(opened.decode(&opened.encode("héllo")), "héllo");
    // A shard with a number that is none is found at the door, and named.
    let shard = from.join("model-00002-of-00003.safetensors");
    let mut bytes = std::fs::read(&shard).unwrap();
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&[0xff; 4]);
    std::fs::write(&shard, bytes).unwrap();
    let error = store.import(&from, Some("n")).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        source.contains("has a value that is not finite"),
        "{source}"
    );
    assert!(store.get("n").is_err());
}

/// A GGUF file of the model in `folder`, as llama.cpp's converter writes it.
fn gguf_of(folder: &Path) -> Vec<u8> {
    let source = Source::open(folder).unwrap();
    let config: Value = serde_json::from_str(source.config_json().unwrap()).unwrap();
    let arch = config["model_type"].as_str().unwrap();
    let string = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let mut entries: Vec<Vec<u8>> = Vec::new();
    let mut text = |key: &str, value: &str| {
        entries.push([string(key), 8_u32.to_le_bytes().to_vec(), string(value)].concat());
    };
    text("general.architecture", arch);
    text("general.license", "apache-2.0");
    text("tokenizer.ggml.model", "gpt2");
    text("tokenizer.ggml.pre", "qwen2");
    text("tokenizer.chat_template", "{{ messages[0].content }}");
    for (key, name) in [
        ("block_count", "num_hidden_layers"),
        ("context_length", "max_position_embeddings"),
        ("embedding_length", "hidden_size"),
        ("feed_forward_length", "intermediate_size"),
        ("attention.head_count", "num_attention_heads"),
        ("attention.head_count_kv", "num_key_value_heads"),
    ] {
        let value = config[name].as_u64().unwrap() as u32;
        let key = string(&format!("{arch}.{key}"));
        entries.push([key, [4, value].map(u32::to_le_bytes).concat()].concat());
    }
    let theta = config["rope_theta"].as_f64();
    let theta = theta.or_else(|| config["rope_parameters"]["rope_theta"].as_f64());
    for (key, value) in [
        (
            "attention.layer_norm_rms_epsilon",
            config["rms_norm_eps"].as_f64(),
        ),
        ("rope.freq_base", theta),
    ] {
        let value = (value.unwrap() as f32).to_le_bytes();
        let key = string(&format!("{arch}.{key}"));
        entries.push([&key[..], &6_u32.to_le_bytes(), &value].concat());
    }
    let scaling = &config["rope_scaling"];
    let kind = scaling["type"].as_str().unwrap_or_default();
    if matches!(kind, "linear" | "yarn") {
        let key = |rest: &str| string(&format!("{arch}.rope.scaling.{rest}"));
        entries.push([key("type"), 8_u32.to_le_bytes().to_vec(), string(kind)].concat());
        let factor = scaling["factor"].as_f64().unwrap() as f32;
        let kind = 6_u32.to_le_bytes().to_vec();
        entries.push([key("factor"), kind, factor.to_le_bytes().to_vec()].concat());
        if let Some(length) = scaling["original_max_position_embeddings"].as_u64() {
            let value = [4, length as u32].map(u32::to_le_bytes).concat();
            entries.push([key("original_context_length"), value].concat());
        }
    }
    let array = |key: &str, items: Vec<String>| {
        let head = [9_u32, 8].map(u32::to_le_bytes).concat();
        let count = (items.len() as u64).to_le_bytes().to_vec();
        let items: Vec<u8> = items.iter().flat_map(|item| string(item)).collect();
        [string(key), head, count, items].concat()
    };
    entries.push(array("tokenizer.ggml.tokens", alphabet()));
    entries.push(array("tokenizer.ggml.merges", Vec::new()));
    let (mut infos, mut data) = (Vec::new(), Vec::new());
    let factors = llama3_factors(&config);
    if !factors.is_empty() {
        infos.extend(string("rope_freqs.weight"));
        infos.extend(1_u32.to_le_bytes());
        infos.extend((factors.len() as u64).to_le_bytes());
        infos.extend(0_u32.to_le_bytes());
        infos.extend(0_u64.to_le_bytes());
        data.extend(factors.iter().flat_map(|n| n.to_le_bytes()));
        data.resize(data.len().next_multiple_of(32), 0);
    }
    for (name, tensor) in source.tensors() {
        let mut floats = source.floats(name, &tensor.shape).unwrap();
        let heads = match name.rsplit('.').nth(1) {
            Some("q_proj") if arch == "llama" => config["num_attention_heads"].as_u64(),
            Some("k_proj") if arch == "llama" => config["num_key_value_heads"].as_u64(),
            _ => None,
        };
        if let Some(heads) = heads {
            let row = floats.len() / tensor.shape[0];
            let half = tensor.shape[0] / heads as usize / 2;
            let rows: Vec<Vec<f32>> = floats.chunks(row).map(<[f32]>::to_vec).collect();
            let pairs = rows
                .chunks(2 * half)
                .flat_map(|head| (0..half).flat_map(|i| [&head[i], &head[half + i]]));
            floats = pairs.flatten().copied().collect();
        }
        infos.extend(string(&llama_cpps(name)));
        infos.extend((tensor.shape.len() as u32).to_le_bytes());
        infos.extend(
            tensor
                .shape
                .iter()
                .rev()
                .flat_map(|n| (*n as u64).to_le_bytes()),
        );
        infos.extend(0_u32.to_le_bytes());
        infos.extend((data.len() as u64).to_le_bytes());
        data.extend(floats.iter().flat_map(|n| n.to_le_bytes()));
        data.resize(data.len().next_multiple_of(32), 0);
    }
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    let tensors = source.tensors().len() + usize::from(!factors.is_empty());
    file.extend((tensors as u64).to_le_bytes());
    file.extend((entries.len() as u64).to_le_bytes());
    file.extend(entries.concat());
    file.extend(infos);
    file.resize(file.len().next_multiple_of(32), 0);
    file.extend(data);
    file
}

/// What llama.cpp's converter makes of `llama3`, after its source: the divisors of the frequencies. None without it.
fn llama3_factors(config: &Value) -> Vec<f32> {
    let scaling = &config["rope_scaling"];
    if scaling["rope_type"] != "llama3" {
        return Vec::new();
    }
    let number = |key: &str| scaling[key].as_f64().unwrap();
    let (factor, length) = (number("factor"), number("original_max_position_embeddings"));
    let (low, high) = (number("low_freq_factor"), number("high_freq_factor"));
    let heads = config["num_attention_heads"].as_f64().unwrap();
    let width = config["hidden_size"].as_f64().unwrap() / heads;
    let theta = config["rope_theta"].as_f64().unwrap();
    let one = |i: usize| {
        let wave = std::f64::consts::TAU * theta.powf(2.0 * i as f64 / width);
        if wave < length / high {
            1.0
        } else if wave > length / low {
            factor
        } else {
            let smooth = (length / wave - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    (0..width as usize / 2).map(|i| one(i) as f32).collect()
}

/// llama.cpp's name of a tensor.
fn llama_cpps(name: &str) -> String {
    let mut name = name.replace("model.layers.", "blk.");
    for (ours, theirs) in [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.o_proj", "attn_output"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ] {
        name = name.replace(ours, theirs);
    }
    name
}

#[test]
fn a_gguf_file_is_installed_with_config_tokenizer_and_template_and_says_the_same() {
    for name in [
        "qwen2-tied",
        "qwen2-untied",
        "llama",
        "linear-rope",
        "llama3-rope",
        "yarn-rope",
    ] {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("some-model.gguf");
        std::fs::write(&file, gguf_of(&fixture(name))).unwrap();
        let store = ModelStore::new(home.path().join("models"));
        let info = store.import(&file, None).unwrap();
        assert_eq!(info.name, "some-model");
        assert_eq!(
            (info.kind.as_str(), info.quant.as_str()),
            ("decoder", "f32")
        );
        assert_eq!(info.licence, "apache-2.0");
        assert_eq!(store.verify("some-model").unwrap(), info);
        let folder = store.path("some-model");
        let (found, wanted) = (logits(&folder), logits(&fixture(name)));
        match name {
            // The factors were rounded to f32 on their way.
            "llama3-rope" => {
                let apart = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4;
                assert!(found.iter().zip(&wanted).all(apart), "{name}");
            }
            _ => assert_eq!(found, wanted, "{name}"),
        }
        assert!(DecoderTokenizer::open(&folder).unwrap().is_compact());
        let template = engine::chat::ChatTemplate::open(&folder).unwrap().unwrap();
        let turn = engine::chat::Message::new("user", "hello");
        assert_eq!(template.render(&[turn], true).unwrap(), "hello");
    }
}
