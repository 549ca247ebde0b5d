//! How the closed sets are written down: a variant, its stored name, and what it is, in one place.

/// Defines an enum whose variants have a static name and a line of explanation.
macro_rules! closed_set {
    ($(#[$about:meta])* $set:ident { $($variant:ident = $name:literal, $help:literal;)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum $set {
            $(#[doc = $help] $variant,)+
        }

        impl $set {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [$set] = &[$($set::$variant,)+];

            /// The name under which it is stored; never changed once released.
            pub const fn name(self) -> &'static str {
                match self { $($set::$variant => $name,)+ }
            }

            /// What it is, in a line.
            pub const fn help(self) -> &'static str {
                match self { $($set::$variant => $help,)+ }
            }

            /// The one with this name; `None` where a newer program stored it.
            pub fn named(name: &str) -> Option<$set> {
                $set::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

pub(crate) use closed_set;
