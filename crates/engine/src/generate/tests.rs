use super::sampler::SplitMix64;
use super::*;
use serde_json::{Value, json};

/// Every byte, some pieces, and a token that ends a text.
struct Bytes(Vec<Vec<u8>>);

const END: u32 = 256;

impl Bytes {
    fn new() -> Bytes {
        let mut words: Vec<Vec<u8>> = (0..=255).map(|b| vec![b]).collect();
        words.push(b"<|end|>".to_vec());
        for piece in [
            "\"}", "\",\"", "{\"", "null", "true", "abc", " the", "[{", "☃", "0.5",
        ] {
            words.push(piece.as_bytes().to_vec());
        }
        Bytes(words)
    }
}

impl Vocabulary for Bytes {
    fn bytes(&self, id: u32) -> &[u8] {
        self.0.get(id as usize).map_or(&[], Vec::as_slice)
    }
    fn is_special(&self, id: u32) -> bool {
        id == END
    }
}

/// Runs a generation on random logits; its text and how it ended.
fn run(options: GenerateOptions, vocabulary: &Bytes, seed: u64) -> (String, Finish, usize) {
    let mut random = SplitMix64(seed);
    let mut generation = Generation::new(options, &[]).expect("it can be");
    let mut text = String::new();
    loop {
        let mut logits: Vec<f32> = (0..vocabulary.0.len())
            .map(|_| random.unit() as f32 * 8.0)
            .collect();
        let step = generation
            .next(&mut logits, vocabulary)
            .expect("it goes on");
        text += &step.text;
        if let Some(finish) = step.finish {
            return (text, finish, generation.tokens());
        }
    }
}

fn options(max_tokens: usize) -> GenerateOptions {
    GenerateOptions {
        max_tokens,
        end_tokens: vec![END],
        ..GenerateOptions::default()
    }
}

#[test]
fn every_json_follows_its_schema_and_fits_the_limit() {
    let vocabulary = Bytes::new();
    let compiler = SchemaCompiler::new(&vocabulary, vocabulary.0.len(), END).expect("a compiler");
    let schemas = [
        json!({"type": "object", "properties": {"summary": {"type": "string"}, "mood": {"enum": ["calm", "sad", "glad"]}},
            "required": ["summary", "mood"], "additionalProperties": false}),
        json!({"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string", "maxLength": 5}},
            "required": ["n", "s"], "additionalProperties": false}, "minItems": 1, "maxItems": 4}),
        json!({"type": "object", "properties": {"a": {"anyOf": [{"type": "number", "minimum": -1000, "maximum": 1000}, {"type": "null"}]}, "b": {"type": "boolean"}},
            "required": ["a"], "additionalProperties": false}),
    ];
    for (index, schema) in schemas.iter().enumerate() {
        let schema = compiler.compile(schema).expect("it is supported");
        for seed in 0..300 {
            let limit = schema.shortest() + 1 + (seed as usize % 60);
            let options = GenerateOptions {
                schema: Some(schema.clone()),
                ..options(limit)
            };
            let (text, finish, tokens) = run(options, &vocabulary, seed);
            assert_eq!(finish, Finish::End, "{index} {seed}: {text}");
            assert!(tokens <= limit);
            let value: Value =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
            match index {
                0 => {
                    assert!(value["summary"].is_string());
                    let moods = ["calm", "sad", "glad"].map(Value::from);
                    assert!(moods.contains(&value["mood"]));
                    assert_eq!(value.as_object().map(|o| o.len()), Some(2));
                }
                1 => {
                    let items = value.as_array().expect("an array");
                    assert!((1..=4).contains(&items.len()));
                    for item in items {
                        assert!(item["n"].is_i64() || item["n"].is_u64() || item["n"].is_f64());
                        assert!(item["s"].as_str().expect("a text").chars().count() <= 5);
                    }
                }
                _ => assert!(value["a"].is_number() || value["a"].is_null()),
            }
        }
    }
}

#[test]
fn what_a_schema_asks_for_and_cannot_get_is_an_error() {
    let vocabulary = Bytes::new();
    let compiler = SchemaCompiler::new(&vocabulary, vocabulary.0.len(), END).expect("a compiler");
    for (schema, named) in [
        (
            json!({"type": "object", "propertyNames": {"pattern": "a"}}),
            "propertyNames",
        ),
        (json!({"type": "string", "pattern": "("}), "JSON Schema"),
        (json!({"type": "colour"}), "colour"),
    ] {
        let error = compiler.compile(&schema).err().expect("it is refused");
        assert!(error.to_string().contains(named), "{error}");
    }
    let long = json!({"type": "string", "minLength": 50});
    let schema = compiler.compile(&long).expect("it is supported");
    let few = GenerateOptions {
        schema: Some(schema),
        ..options(20)
    };
    assert!(Generation::new(few, &[]).is_err());
}

/// A stop string inside the document would have left half of it.
#[test]
fn a_schema_and_a_stop_string_are_refused_together() {
    let vocabulary = Bytes::new();
    let compiler = SchemaCompiler::new(&vocabulary, vocabulary.0.len(), END).expect("a compiler");
    let schema = compiler.compile(&json!({"type": "string"}));
    let both = GenerateOptions {
        schema: Some(schema.expect("it is supported")),
        stop: vec!["e".into()],
        ..options(20)
    };
    let error = Generation::new(both, &[]).err().expect("it is refused");
    assert!(error.to_string().contains("stop string"), "{error}");
}

#[test]
fn a_reply_ends_at_its_limit_its_end_token_or_a_stop_string() {
    let vocabulary = Bytes::new();
    let (_, finish, tokens) = run(
        GenerateOptions {
            end_tokens: Vec::new(),
            ..options(7)
        },
        &vocabulary,
        1,
    );
    assert_eq!((finish, tokens), (Finish::MaxTokens, 7));
    let (_, finish, _) = run(options(100_000), &vocabulary, 2);
    assert_eq!(finish, Finish::End);
    let stopping = GenerateOptions {
        stop: vec!["e".into(), "a".into()],
        end_tokens: Vec::new(),
        ..options(100_000)
    };
    let (text, finish, _) = run(stopping, &vocabulary, 3);
    assert_eq!(finish, Finish::StopString);
    assert!(!text.contains(['a', 'e']), "{text}");
    assert!(Generation::new(options(0), &[]).is_err());
}
