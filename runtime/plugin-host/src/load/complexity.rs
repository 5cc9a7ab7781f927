//! What a component may ask of the compiler, whose time and memory grow faster than a function does:
//! what can be told without compiling.

use wasmparser::{Parser, Payload};

/// Bytes of one function, with which the compiler's cost grows fastest.
const MAX_FUNCTION_BYTES: usize = 1 << 20;
/// Functions of all modules of a component.
const MAX_FUNCTIONS: u32 = 100_000;

/// Refuses a component that would take the compiler too long, without compiling it.
pub(crate) fn limit(bytes: &[u8]) -> Result<(), String> {
    let mut functions = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| format!("the component is damaged or cut off: {error}"))? {
            Payload::CodeSectionStart { count, .. } => {
                functions = functions.saturating_add(count);
                if functions > MAX_FUNCTIONS {
                    return Err(format!(
                        "the component is too complex: it has more than {MAX_FUNCTIONS} functions; split the policy"
                    ));
                }
            }
            Payload::CodeSectionEntry(body) if body.as_bytes().len() > MAX_FUNCTION_BYTES => {
                return Err(format!(
                    "the component is too complex: one of its functions has {} bytes of code, and {MAX_FUNCTION_BYTES} \
                     are the limit; keep tables as data, and split the function",
                    body.as_bytes().len()
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(mut value: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let low = u8::try_from(value & 0x7f).unwrap();
            value >>= 7;
            if value == 0 {
                bytes.push(low);
                return bytes;
            }
            bytes.push(low | 0x80);
        }
    }

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        [&[id], number(content.len()).as_slice(), content].concat()
    }

    /// A component of one module with functions of so many bytes, which is nothing but `nop`.
    fn component(functions: usize, bytes: usize) -> Vec<u8> {
        let body = [&[0][..], &vec![0x01; bytes - 2], &[0x0b]].concat();
        let entry = [number(body.len()), body].concat();
        let types = section(1, &[1, 0x60, 0, 0]);
        let declared = section(3, &[number(functions), vec![0; functions]].concat());
        let code = section(10, &[number(functions), entry.repeat(functions)].concat());
        let module = [b"\0asm\x01\0\0\0".to_vec(), types, declared, code].concat();
        [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module)].concat()
    }

    /// Fails when modules inside a component are not looked at.
    #[test]
    fn what_is_too_complex_is_named() {
        assert_eq!(limit(&component(3, 1 << 20)), Ok(()));
        let said = limit(&component(1, (1 << 20) + 1)).unwrap_err();
        assert!(said.contains("1048577 bytes of code"), "{said}");
        assert_eq!(limit(&component(100_000, 2)), Ok(()));
        let said = limit(&component(100_001, 2)).unwrap_err();
        assert!(said.contains("more than 100000 functions"), "{said}");
    }

    #[test]
    fn what_cannot_be_read_is_damaged() {
        let whole = component(2, 10);
        assert!(limit(&whole[..whole.len() - 3]).unwrap_err().contains("damaged"));
    }
}
