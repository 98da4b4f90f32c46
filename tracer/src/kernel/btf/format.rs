//! The format of BTF, as far as names lead into it: <https://docs.kernel.org/bpf/btf.html>,
//! `include/uapi/linux/btf.h`.
//!
//! A kernel has 130,000 types, of which some forty are asked for: they are read where they lie, and what is
//! kept is where each begins.

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned, native_endian::U16, native_endian::U32,
};

const MAGIC: u16 = 0xeb9f;

/// `struct btf_header`; offsets count from its end.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: U16,
    version: u8,
    flags: u8,
    len: U32,
    types_at: U32,
    types_len: U32,
    strings_at: U32,
    strings_len: U32,
}

/// `struct btf_type`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Start {
    name: U32,
    /// Bits 0 to 15: how many members follow; 24 to 28: the kind; 31: a flag of the kind's.
    info: U32,
    /// Bytes, or the type it refers to.
    size_or_type: U32,
}

/// `struct btf_member`; the first two words are `struct btf_enum`, too.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawMember {
    name: U32,
    type_id: U32,
    offset: U32,
}

/// `struct btf_enum`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawValue {
    name: U32,
    value: U32,
}

/// `BTF_KIND_*`, those that are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Pointer = 2,
    Struct = 4,
    Union = 5,
    Enum = 6,
    Typedef = 8,
    Volatile = 9,
    Const = 10,
    Restrict = 11,
    FunctionPrototype = 13,
    TypeTag = 18,
}

/// Bytes of what follows the start of a type of kind `kind` with `members` members; `None`: a kind
/// that is newer than this table, so that nobody knows where the next type begins.
fn length_of_rest(kind: u32, members: usize) -> Option<usize> {
    Some(match kind {
        // Pointers, forward declarations, typedefs, qualifiers, functions, floats, tags.
        2 | 7..=12 | 16 | 18 => 0,
        // Integers, variables, declaration tags.
        1 | 14 | 17 => 4,
        // An array.
        3 => 12,
        // Enumerations and prototypes.
        6 | 13 => members * 8,
        // Structures, unions, sections, enumerations of 64 bits.
        4 | 5 | 15 | 19 => members * 12,
        _ => return None,
    })
}

/// All types of a BTF file.
pub(super) struct Types<'a> {
    bytes: &'a [u8],
    strings: &'a [u8],
    /// Where each begins in `bytes`, by id less one: 0 is `void`.
    starts: Vec<u32>,
}

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct Type<'a> {
    name: u32,
    info: u32,
    size_or_type: u32,
    rest: &'a [u8],
}

/// A member of a structure or union.
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) type_id: u32,
    /// From the beginning of what it is a member of.
    pub(super) bits: u32,
}

impl<'a> Types<'a> {
    /// Finds where the types begin; an error says what is wrong with the bytes.
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, String> {
        let (header, _) = Header::ref_from_prefix(file).map_err(|_| "it is cut short")?;
        if header.magic != MAGIC {
            return Err("it does not begin as BTF does".to_owned());
        }
        let section = |at: U32, len: U32| {
            let start = (header.len.get() as usize).checked_add(at.get() as usize)?;
            file.get(start..start.checked_add(len.get() as usize)?)
        };
        let types = section(header.types_at, header.types_len);
        let strings = section(header.strings_at, header.strings_len);
        let (Some(bytes), Some(strings)) = (types, strings) else {
            return Err("it is cut short".to_owned());
        };
        Ok(Self {
            bytes,
            strings,
            starts: starts(bytes)?,
        })
    }

    pub(super) fn get(&self, id: u32) -> Option<Type<'a>> {
        let start = *self.starts.get((id as usize).checked_sub(1)?)?;
        Type::parse(self.bytes.get(start as usize..)?)
    }

    /// Those of one kind that have a name, in the order of their ids.
    pub(super) fn named(&self, kind: Kind) -> impl Iterator<Item = (&'a str, Type<'a>)> {
        let of_kind = move |start: &u32| {
            let found = Type::parse(self.bytes.get(*start as usize..)?)?;
            found.is(kind).then_some(found)
        };
        let named = |found: Type<'a>| Some((self.text(found.name)?, found));
        let named = self.starts.iter().filter_map(of_kind).filter_map(named);
        named.filter(|(name, _)| !name.is_empty())
    }

    /// What `id` is, whatever it is called and however it is qualified.
    pub(super) fn resolved(&self, id: u32) -> Option<Type<'a>> {
        const ALIASES: [Kind; 5] = [
            Kind::Typedef,
            Kind::Volatile,
            Kind::Const,
            Kind::Restrict,
            Kind::TypeTag,
        ];
        let mut found = self.get(id)?;
        // Bytes that lie may go round in circles.
        for _ in 0..32 {
            if !ALIASES.iter().any(|kind| found.is(*kind)) {
                return Some(found);
            }
            found = self.get(found.refers_to())?;
        }
        None
    }

    /// Members of a structure or union; none of anything else.
    pub(super) fn members(&self, of: Type<'a>) -> impl Iterator<Item = Member<'a>> {
        let has = of.is(Kind::Struct) || of.is(Kind::Union);
        let raw = of.list::<RawMember>(if has { of.count() } else { 0 });
        raw.iter().filter_map(move |raw| {
            let offset = raw.offset.get();
            Some(Member {
                name: self.text(raw.name.get())?,
                type_id: raw.type_id.get(),
                // With bit-fields the upper byte is their size.
                bits: if of.has_flag() {
                    offset & 0x00ff_ffff
                } else {
                    offset
                },
            })
        })
    }

    /// Names and numbers of an enumeration.
    pub(super) fn values(&self, of: Type<'a>) -> impl Iterator<Item = (&'a str, u32)> {
        let raw = of.list::<RawValue>(if of.is(Kind::Enum) { of.count() } else { 0 });
        raw.iter()
            .filter_map(|raw| Some((self.text(raw.name.get())?, raw.value.get())))
    }

    fn text(&self, at: u32) -> Option<&'a str> {
        let rest = self.strings.get(at as usize..)?;
        std::ffi::CStr::from_bytes_until_nul(rest)
            .ok()?
            .to_str()
            .ok()
    }
}

/// Where each type begins.
fn starts(bytes: &[u8]) -> Result<Vec<u32>, String> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let whole = Type::parse(&bytes[at..]).ok_or("a type is cut short")?;
        let rest = length_of_rest(whole.kind(), whole.count())
            .ok_or_else(|| format!("it has a type of the unknown kind {}", whole.kind()))?;
        starts.push(u32::try_from(at).map_err(|_| "it is too large")?);
        at += size_of::<Start>() + rest;
    }
    Ok(starts)
}

impl<'a> Type<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (start, rest) = Start::ref_from_prefix(bytes).ok()?;
        Some(Self {
            name: start.name.get(),
            info: start.info.get(),
            size_or_type: start.size_or_type.get(),
            rest,
        })
    }

    fn kind(self) -> u32 {
        self.info >> 24 & 0x1f
    }

    pub(super) fn is(self, kind: Kind) -> bool {
        self.kind() == kind as u32
    }

    /// Members, values or parameters.
    pub(super) fn count(self) -> usize {
        (self.info & 0xffff) as usize
    }

    fn has_flag(self) -> bool {
        self.info >> 31 != 0
    }

    /// The type that a pointer, a typedef or a qualifier is of.
    pub(super) fn refers_to(self) -> u32 {
        self.size_or_type
    }

    fn list<T: FromBytes + Immutable + KnownLayout + Unaligned>(self, count: usize) -> &'a [T] {
        <[T]>::ref_from_prefix_with_elems(self.rest, count).map_or(&[], |(list, _)| list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the file holds: an answer, no panic and no endless walk.
        #[test]
        fn any_bytes_are_survived(mut file: Vec<u8>, sections in any::<[u16; 4]>()) {
            let [at, len, strings, strings_len] = sections.map(|it| u32::from(it % 512));
            let mut header = MAGIC.to_ne_bytes().to_vec();
            header.extend([1, 0]);
            for word in [24, at, len, strings, strings_len] {
                header.extend(word.to_ne_bytes());
            }
            header.append(&mut file);
            if let Ok(types) = Types::parse(&header) {
                for id in 0..=u32::try_from(types.starts.len()).unwrap() {
                    let Some(found) = types.resolved(id) else { continue };
                    types.members(found).for_each(drop);
                    types.values(found).for_each(drop);
                }
            }
        }
    }

    #[test]
    fn a_kind_that_nobody_knows_is_named() {
        let mut file = MAGIC.to_ne_bytes().to_vec();
        file.extend([1, 0]);
        for word in [24, 0, 12, 12, 1, 0, 31 << 24, 0, 0] {
            file.extend(u32::to_ne_bytes(word));
        }
        assert_eq!(
            Types::parse(&file).err().as_deref(),
            Some("it has a type of the unknown kind 31")
        );
    }

    #[test]
    fn a_typedef_of_itself_is_no_type() {
        let mut file = MAGIC.to_ne_bytes().to_vec();
        file.extend([1, 0]);
        for word in [24, 0, 12, 12, 1, 0, (Kind::Typedef as u32) << 24, 1, 0] {
            file.extend(u32::to_ne_bytes(word));
        }
        let types = Types::parse(&file).unwrap();
        assert!(types.get(1).is_some() && types.resolved(1).is_none());
    }
}
