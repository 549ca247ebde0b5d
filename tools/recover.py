#!/usr/bin/env python3
"""Reads a Companion journal without Companion: every entry as one JSON object a line on stdout.

    pip install cryptography argon2-cffi;  python3 tools/recover.py HOME [PASSPHRASE-FILE]  > entries.jsonl

Follows docs/journal-format.md step by step, and writes nothing to disk. Needs Python 3.11."""
import hashlib, hmac, json, sqlite3, struct, sys, unicodedata
from pathlib import Path
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

PAGE, USABLE = 4096, 4016

def wrapping_key(home, kdf, passphrase):
    if kdf["name"] == "key-file":
        return bytes.fromhex((home / "journal.key").read_text().split()[2])
    from argon2.low_level import Type, hash_secret_raw
    return hash_secret_raw(unicodedata.normalize("NFC", passphrase).encode(), bytes.fromhex(kdf["salt"]),
                           kdf["passes"], kdf["memory_kib"], kdf["lanes"], 32, Type.ID)

def hchacha20(key, nonce):
    s = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))
    def quarter(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xFFFFFFFF
            s[z] = ((s[z] ^ s[x]) << n | (s[z] ^ s[x]) >> (32 - n)) & 0xFFFFFFFF
    for _ in range(10):
        for i, d in [(i, d) for d in (0, 1) for i in range(4)]:  # columns, then diagonals
            quarter(i, 4 + (i + d) % 4, 8 + (i + 2 * d) % 4, 12 + (i + 3 * d) % 4)
    return struct.pack("<8I", *s[:4], *s[12:])

def data_keys(home, passphrase):
    vault = json.loads((home / "vault.json").read_text())
    kdf = vault["kdf"]
    shown = "key-file" if kdf["name"] == "key-file" else "argon2id {salt} {memory_kib} {passes} {lanes}".format(**kdf)
    header = f"companion-vault\n1\n{vault['journal']}\n{shown}\n".encode()
    wrap = wrapping_key(home, kdf, passphrase)
    for key in vault["keys"]:
        nonce = bytes.fromhex(key["nonce"])
        cipher = ChaCha20Poly1305(hchacha20(wrap, nonce[:16]))
        yield cipher.decrypt(bytes(4) + nonce[16:], bytes.fromhex(key["sealed"]), header)

def committed_frames(wal):
    frames, pending, at = {}, {}, 32
    while at + 24 + PAGE <= len(wal) and wal[at + 8:at + 16] == wal[16:24]:
        number, size = struct.unpack(">II", wal[at:at + 8])
        pending[number] = wal[at + 24:at + 24 + PAGE]
        at += 24 + PAGE
        if size:
            frames.update(pending)
            pending = {}
    return frames

def decrypt(key, pages):
    mac_key = hashlib.pbkdf2_hmac("sha512", key, bytes(b ^ 0x3A for b in pages[1][:16]), 2, 32)
    out = bytearray()
    for number in sorted(pages):
        page, start = pages[number], 16 if number == 1 else 0
        tag = hmac.digest(mac_key, page[start:USABLE + 16] + struct.pack("<I", number), "sha512")
        if not hmac.compare_digest(tag, page[USABLE + 16:]):
            raise ValueError(f"page {number} does not authenticate (for damaged journals: companion fsck --salvage)")
        cipher = Cipher(algorithms.AES(key), modes.CBC(page[USABLE:USABLE + 16])).decryptor()
        plain = cipher.update(page[start:USABLE]) + cipher.finalize()
        out += (b"SQLite format 3\0" if start else b"") + plain + bytes(80)
    out[18:20] = b"\1\1"  # the log is merged: a plain rollback-journal file from here on
    return bytes(out)

def main(home, passphrase):
    raw, wal = (home / "journal.db").read_bytes(), home / "journal.db-wal"
    pages = {i + 1: raw[i * PAGE:(i + 1) * PAGE] for i in range(len(raw) // PAGE)}
    pages.update(committed_frames(wal.read_bytes() if wal.exists() else b""))
    db = sqlite3.connect(":memory:")
    db.deserialize(decrypt(next(data_keys(home, passphrase)), pages))
    for id, at, zone, offset, title, text, tags, fields, starred, deleted in db.execute(
            "SELECT id, at, zone, offset, title, text, tags, fields, starred, deleted FROM entries ORDER BY at, id"):
        print(json.dumps(dict(id=id, at_microseconds=at, zone=zone, offset_seconds=offset, title=title, text=text, tags=tags.split(),
                              fields=json.loads(fields or "{}"), starred=bool(starred), removed=deleted is not None)))

if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).read_text().rstrip("\n") if len(sys.argv) > 2 else None)
