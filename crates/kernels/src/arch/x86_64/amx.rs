//! Proof of AMX: the CPU has its tiles, and the system lets this process use them.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

use super::Avx512Vnni;

/// Proof that this machine has AMX with INT8 products, besides all of [`Avx512Vnni`], and that the
/// system granted their use to this process.
#[derive(Clone, Copy)]
pub(crate) struct Amx(Avx512Vnni);

impl Amx {
    pub(crate) fn detect() -> Option<Amx> {
        static GRANTED: OnceLock<bool> = OnceLock::new();
        let vnni = Avx512Vnni::detect()?;
        GRANTED
            .get_or_init(|| has_amx_int8() && ask_for_tiles())
            .then_some(Amx(vnni))
    }

    /// The proof of what AMX comes with.
    pub(crate) fn avx512(self) -> Avx512Vnni {
        self.0
    }
}

/// What the CPU says, and whether the system saves tiles when it switches threads.
fn has_amx_int8() -> bool {
    /// `XCR0`: tile configuration and tile data.
    const TILES: u64 = 0b11 << 17;
    /// Leaf 7, `edx`: `AMX-TILE` and `AMX-INT8`.
    const AMX: u32 = 0b11 << 24;
    #[target_feature(enable = "xsave")]
    fn enabled() -> u64 {
        // SAFETY: the caller found `OSXSAVE`, so the register may be read.
        unsafe { _xgetbv(0) }
    }
    let os_xsave = __cpuid(1).ecx & 1 << 27 != 0;
    // SAFETY: `OSXSAVE` implies `XSAVE`.
    os_xsave && __cpuid_count(7, 0).edx & AMX == AMX && unsafe { enabled() } & TILES == TILES
}

/// Asks Linux for the tile registers: 8 KB that a thread's state grows by at their first use.
#[cfg(target_os = "linux")]
fn ask_for_tiles() -> bool {
    const ARCH_PRCTL: u64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: the call takes two numbers, touches no memory of ours, and clobbers what is listed. It fails
    // without effect on systems that do not know it.
    unsafe {
        asm!(
            "syscall",
            inout("rax") result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// How other systems grant tiles is not known here.
#[cfg(not(target_os = "linux"))]
fn ask_for_tiles() -> bool {
    false
}

/// What `ldtilecfg` reads: the sizes of the eight tiles.
#[repr(C, align(64))]
pub(super) struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    /// Bytes of a row.
    widths: [u16; 16],
    rows: [u8; 16],
}

const _: () = assert!(size_of::<TileConfig>() == 64);

/// Tiles that are configured, until this is dropped.
pub(super) struct Tiles(());

impl Tiles {
    /// Tiles 0 to 3 for sums (`height` rows of 16), 4 and 5 for `depth` inputs of `height` rows, 6 and 7 for
    /// `depth` inputs of 16 columns.
    pub(super) fn configure(_: Amx, height: usize, depth: usize) -> Tiles {
        assert!(height > 0 && height <= 16 && matches!(depth, 32 | 64));
        let mut config = TileConfig {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            widths: [0; 16],
            rows: [0; 16],
        };
        for (tile, (rows, width)) in [(height, 64); 4]
            .into_iter()
            .chain([(height, depth); 2])
            .chain([(depth / 4, 64); 2])
            .enumerate()
        {
            config.rows[tile] = rows as u8;
            config.widths[tile] = width as u16;
        }
        // SAFETY: `Amx` exists only if the CPU has tiles and the system granted them; the configuration is a
        // valid one of palette 1 (at most 16 rows of 64 bytes).
        unsafe { asm!("ldtilecfg [{}]", in(reg) &config, options(nostack, readonly)) };
        Tiles(())
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: the value exists, so the CPU has tiles. Released tiles need no saving on a thread switch.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}
