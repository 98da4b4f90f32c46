//! The format of BTF, as far as names lead into it: <https://docs.kernel.org/bpf/btf.html>,
//! `include/uapi/linux/btf.h`.
//!
//! A kernel has 130,000 types, of which some forty are asked for: they are read where they lie, and what is
//! kept is where each begins.

use std::ffi::CStr;

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned, native_endian::U16, native_endian::U32,
};

use self::kind::{CONST, ENUM, RESTRICT, STRUCT, TYPE_TAG, TYPEDEF, UNION, VOLATILE};

const MAGIC: u16 = 0xeb9f;

/// `BTF_KIND_*`.
pub(super) mod kind {
    pub(super) const INT: u32 = 1;
    pub(in super::super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(in super::super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(in super::super) const ENUM: u32 = 6;
    pub(super) const FWD: u32 = 7;
    pub(in super::super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC: u32 = 12;
    pub(in super::super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const FLOAT: u32 = 16;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// Other names of a type, and qualified ones.
const ALIASES: [u32; 5] = [TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG];
/// How deep types may lie within each other: far more than any kernel has. Bytes that lie may go round in circles.
const DEPTH: u32 = 32;

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

/// `struct btf_member`.
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
    start: &'a Start,
    rest: &'a [u8],
}

/// A member of a structure or union.
struct Member<'a> {
    name: &'a str,
    type_id: u32,
    /// From the beginning of what it is a member of.
    bits: u32,
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
        self.at(*self.starts.get((id as usize).checked_sub(1)?)?)
    }

    fn at(&self, start: u32) -> Option<Type<'a>> {
        Type::parse(self.bytes.get(start as usize..)?)
    }

    /// Those of one kind that have a name, in the order of their ids.
    pub(super) fn named(&self, kind: u32) -> impl Iterator<Item = (&'a str, Type<'a>)> {
        let all = self.starts.iter().filter_map(|start| self.at(*start));
        let of_kind = all.filter(move |it| it.is(kind));
        let named = of_kind.filter_map(|it| Some((self.text(it.start.name)?, it)));
        named.filter(|(name, _)| !name.is_empty())
    }

    /// Where a member begins, `member.member…` by their names, and how many bits after `within` does.
    pub(super) fn offset_of(&self, within: Type<'a>, path: &str) -> Option<u32> {
        let (name, rest) = path
            .split_once('.')
            .map_or((path, None), |(name, rest)| (name, Some(rest)));
        let member = self.member(within, name, DEPTH)?;
        let Some(rest) = rest else {
            return Some(member.bits);
        };
        let inner = self.offset_of(self.resolved(member.type_id)?, rest)?;
        member.bits.checked_add(inner)
    }

    /// A member of `within`, or of what has no name in it.
    fn member(&self, within: Type<'a>, name: &str, depth: u32) -> Option<Member<'a>> {
        let depth = depth.checked_sub(1)?;
        self.members(within).find_map(|member| {
            if member.name == name {
                return Some(member);
            }
            if !member.name.is_empty() {
                return None;
            }
            let inner = self.member(self.resolved(member.type_id)?, name, depth)?;
            let bits = member.bits.checked_add(inner.bits)?;
            Some(Member { bits, ..inner })
        })
    }

    /// What `id` is, whatever it is called and however it is qualified.
    fn resolved(&self, id: u32) -> Option<Type<'a>> {
        let mut found = self.get(id)?;
        for _ in 0..DEPTH {
            if !ALIASES.iter().any(|kind| found.is(*kind)) {
                return Some(found);
            }
            found = self.get(found.refers_to())?;
        }
        None
    }

    /// Of a structure or union; none of anything else.
    fn members(&self, of: Type<'a>) -> impl Iterator<Item = Member<'a>> {
        let raw = of.list::<RawMember>(&[STRUCT, UNION]);
        raw.iter().filter_map(move |raw| {
            let offset = raw.offset.get();
            Some(Member {
                name: self.text(raw.name)?,
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
        let raw = of.list::<RawValue>(&[ENUM]);
        raw.iter()
            .filter_map(|raw| Some((self.text(raw.name)?, raw.value.get())))
    }

    fn text(&self, at: U32) -> Option<&'a str> {
        let rest = self.strings.get(at.get() as usize..)?;
        CStr::from_bytes_until_nul(rest).ok()?.to_str().ok()
    }
}

/// Where each type begins.
fn starts(bytes: &[u8]) -> Result<Vec<u32>, String> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let found = Type::parse(&bytes[at..]).ok_or("a type is cut short")?;
        let rest = length_of_rest(found)
            .ok_or_else(|| format!("it has a type of the unknown kind {}", found.kind()))?;
        starts.push(u32::try_from(at).map_err(|_| "it is too large")?);
        at += size_of::<Start>() + rest;
    }
    if at > bytes.len() {
        return Err("a type is cut short".to_owned());
    }
    Ok(starts)
}

/// Bytes of what follows the start of a type; `None`: its kind is newer than this table, so that nobody knows
/// where the next type begins.
fn length_of_rest(of: Type<'_>) -> Option<usize> {
    use self::kind::{
        ARRAY, DATASEC, DECL_TAG, ENUM64, FLOAT, FUNC, FUNC_PROTO, FWD, INT, PTR, VAR,
    };
    Some(match of.kind() {
        PTR | FWD | TYPEDEF | VOLATILE | CONST | RESTRICT | FUNC | FLOAT | TYPE_TAG => 0,
        INT | VAR | DECL_TAG => 4,
        ARRAY => 12,
        ENUM | FUNC_PROTO => of.count() * 8,
        STRUCT | UNION | DATASEC | ENUM64 => of.count() * 12,
        _ => return None,
    })
}

impl<'a> Type<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (start, rest) = Start::ref_from_prefix(bytes).ok()?;
        Some(Self { start, rest })
    }

    fn kind(self) -> u32 {
        self.start.info.get() >> 24 & 0x1f
    }

    pub(super) fn is(self, kind: u32) -> bool {
        self.kind() == kind
    }

    /// Members, values or parameters.
    pub(super) fn count(self) -> usize {
        (self.start.info.get() & 0xffff) as usize
    }

    fn has_flag(self) -> bool {
        self.start.info.get() >> 31 != 0
    }

    /// The type that a pointer, a typedef or a qualifier is of.
    pub(super) fn refers_to(self) -> u32 {
        self.start.size_or_type.get()
    }

    /// What follows its start, if it is of one of these kinds.
    fn list<T: FromBytes + Immutable + KnownLayout + Unaligned>(self, kinds: &[u32]) -> &'a [T] {
        if !kinds.contains(&self.kind()) {
            return &[];
        }
        <[T]>::ref_from_prefix_with_elems(self.rest, self.count()).map_or(&[], |(list, _)| list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A file whose types, and then strings, are `rest`, in sections that are said to begin and to be as long as this.
    fn file(sections: [u32; 4], rest: &[u8]) -> Vec<u8> {
        let mut file = [&MAGIC.to_ne_bytes()[..], &[1, 0]].concat();
        for word in [24].into_iter().chain(sections) {
            file.extend(u32::to_ne_bytes(word));
        }
        file.extend(rest);
        file
    }

    /// One whose only name is empty.
    fn of_words(words: &[u32]) -> Vec<u8> {
        let mut rest: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let types = u32::try_from(rest.len()).unwrap();
        rest.push(0);
        file([0, types, types, 1], &rest)
    }

    proptest! {
        /// Whatever the file holds: an answer, no panic and no endless walk.
        #[test]
        fn any_bytes_are_survived(rest: Vec<u8>, sections in any::<[u16; 4]>()) {
            let file = file(sections.map(|it| u32::from(it % 512)), &rest);
            if let Ok(types) = Types::parse(&file) {
                for id in 0..=u32::try_from(types.starts.len()).unwrap() {
                    let Some(found) = types.resolved(id) else { continue };
                    types.offset_of(found, "a.b");
                    types.values(found).for_each(drop);
                }
            }
        }
    }

    #[test]
    fn a_kind_that_nobody_knows_is_named() {
        let file = of_words(&[0, 31 << 24, 0]);
        let error = Types::parse(&file).err();
        assert_eq!(
            error.as_deref(),
            Some("it has a type of the unknown kind 31")
        );
    }

    #[test]
    fn a_typedef_of_itself_is_no_type() {
        let file = of_words(&[0, TYPEDEF << 24, 1]);
        let types = Types::parse(&file).unwrap();
        assert!(types.get(1).is_some() && types.resolved(1).is_none());
    }

    #[test]
    fn a_struct_within_itself_has_no_such_member() {
        let file = of_words(&[0, STRUCT << 24 | 1, 4, 0, 1, 0]);
        let types = Types::parse(&file).unwrap();
        assert_eq!(types.offset_of(types.get(1).unwrap(), "a"), None);
    }
}
