use super::*;
use crate::Secret;

const CHEAP: Cost = Cost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

fn sealed(secret: &Secret) -> (Vault, Wrapping, Key) {
    let wrapping = Wrapping::fresh(secret, CHEAP).expect("a wrapping");
    let key = Key::random().expect("a key");
    let vault =
        Vault::seal("00112233445566778899aabbccddeeff", &wrapping, &[&key]).expect("a vault");
    (vault, wrapping, key)
}

#[test]
fn opens_what_it_sealed() {
    for secret in [Secret::None, Secret::passphrase("pa\u{df}w\u{f6}rt")] {
        let (vault, wrapping, key) = sealed(&secret);
        let back = Vault::parse(&vault.to_json()).expect("intact");
        assert_eq!(back, vault);
        assert_eq!(back.open(&wrapping).expect("opens"), [key]);
    }
}

#[test]
fn a_passphrase_typed_decomposed_still_opens() {
    let home = Home::at("/nonexistent");
    let (vault, _, key) = sealed(&Secret::passphrase("caf\u{e9}"));
    let wrapping =
        Wrapping::for_vault(&vault, &home, &Secret::passphrase("cafe\u{301}")).expect("derives");
    assert_eq!(vault.open(&wrapping).expect("opens"), [key]);
}

#[test]
fn another_passphrase_does_not_open_an_intact_vault() {
    let home = Home::at("/nonexistent");
    let (vault, _, _) = sealed(&Secret::passphrase("right"));
    let wrong = Wrapping::for_vault(&vault, &home, &Secret::passphrase("wrong")).expect("derives");
    assert!(vault.open(&wrong).is_none());
}

#[test]
fn every_flipped_bit_is_damage_or_ignored_layout_but_never_a_wrong_passphrase() {
    let (vault, wrapping, key) = sealed(&Secret::None);
    let json = vault.to_json();
    for at in 0..json.len() {
        let mut bytes = json.clone();
        bytes[at] ^= 1;
        match Vault::parse(&bytes) {
            Err(_) => {}
            // White space and the case of hexadecimal carry nothing.
            Ok(back) => assert_eq!(
                back.open(&wrapping).expect("still opens"),
                std::slice::from_ref(&key),
                "byte {at}"
            ),
        }
    }
}

#[test]
fn altered_identity_or_cost_does_not_open_even_with_a_recomputed_checksum() {
    let home = Home::at("/nonexistent");
    let secret = Secret::passphrase("p");
    let (vault, wrapping, _) = sealed(&secret);
    let mut other = vault.clone();
    other.journal = "ff112233445566778899aabbccddeeff".into();
    other.checksum = checksum(&other.header(), &other.keys).expect("hex");
    assert!(
        Vault::parse(&other.to_json())
            .expect("checksum fits")
            .open(&wrapping)
            .is_none()
    );
    let mut cheap = vault.clone();
    if let Kdf::Argon2id { memory_kib, .. } = &mut cheap.kdf {
        *memory_kib = 32;
    }
    let rewrapped = Wrapping::for_vault(&cheap, &home, &secret).expect("derives");
    assert!(cheap.open(&rewrapped).is_none());
}

#[test]
fn a_hostile_cost_is_refused_before_memory_is_taken() {
    let parsed = |memory: u32, rounds: u32| {
        let (mut vault, _, _) = sealed(&Secret::passphrase("p"));
        if let Kdf::Argon2id {
            memory_kib, passes, ..
        } = &mut vault.kdf
        {
            (*memory_kib, *passes) = (memory, rounds);
        }
        vault.checksum = checksum(&vault.header(), &vault.keys).expect("hex");
        Vault::parse(&vault.to_json())
    };
    let refused = |memory, rounds| match parsed(memory, rounds) {
        Err(Unusable::Damaged(reason)) => reason,
        other => panic!("must be refused: {other:?}"),
    };
    assert_eq!(
        refused(u32::MAX, 1),
        "kdf memory_kib is 4294967295, not 1 to 1048576"
    );
    assert_eq!(
        refused((1 << 20) + 1, 1),
        "kdf memory_kib is 1048577, not 1 to 1048576"
    );
    assert_eq!(refused(1 << 20, 17), "kdf passes is 17, not 1 to 16");
    assert!(parsed(1 << 20, 16).is_ok());
}

#[test]
fn a_newer_format_is_told_apart_from_damage() {
    let json = br#"{"format":"companion-vault","version":9,"something":"new"}"#;
    assert_eq!(Vault::parse(json), Err(Unusable::Newer(9)));
}
