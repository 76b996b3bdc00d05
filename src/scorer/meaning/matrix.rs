//! The vectors of pieces of words, by the file `model.safetensors` of a model that holds one matrix.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A row of numbers for each piece.
#[derive(Debug)]
pub(super) struct Matrix {
    format: Format,
    columns: usize,
    bytes: Vec<u8>,
}

/// How numbers are written, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
enum Format {
    F32,
    F16,
    #[serde(rename = "BF16")]
    Bf16,
}

impl Format {
    fn width(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    fn number(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::F32, [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
            (Self::F16, [a, b]) => of_half(u16::from_le_bytes([*a, *b])),
            (Self::Bf16, [a, b]) => f32::from_le_bytes([0, 0, *a, *b]),
            _ => 0.0,
        }
    }
}

/// A number of IEEE 754's binary16.
fn of_half(bits: u16) -> f32 {
    let (exponent, fraction) = ((bits >> 10) & 0x1f, f32::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f32.powi(-24),
        0x1f => f32::NAN,
        exponent => (1.0 + fraction / 1024.0) * 2_f32.powi(i32::from(exponent) - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[derive(Debug, Deserialize)]
struct Tensor {
    dtype: Format,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl Matrix {
    /// Reads the bytes of a `model.safetensors`: the length of a header, the header in JSON, and the numbers.
    pub(super) fn read(mut bytes: Vec<u8>) -> Result<Self, String> {
        let length = bytes.first_chunk().map(|eight| u64::from_le_bytes(*eight));
        let start = length.and_then(|length| usize::try_from(length).ok()?.checked_add(8));
        let start = start.filter(|start| *start <= bytes.len());
        let start = start.ok_or("it is no file of safetensors")?;
        let header: BTreeMap<String, Value> = serde_json::from_slice(&bytes[8..start])
            .map_err(|error| format!("its header is broken: {error}"))?;
        let mut tensors = header
            .into_iter()
            .filter(|(name, _)| name != "__metadata__");
        let (Some((_, tensor)), None) = (tensors.next(), tensors.next()) else {
            return Err("it does not hold exactly one matrix".to_owned());
        };
        let tensor: Tensor = serde_json::from_value(tensor)
            .map_err(|error| format!("its matrix cannot be read: {error}"))?;
        let (from, to) = tensor.data_offsets;
        let &[rows, columns] = tensor.shape.as_slice() else {
            return Err("what it holds is no matrix".to_owned());
        };
        let size = rows
            .checked_mul(columns)
            .and_then(|count| count.checked_mul(tensor.dtype.width()));
        let is_sound = from == 0 && size == Some(to) && bytes.len() - start == to && to > 0;
        if !is_sound {
            return Err("its matrix is not as large as its header says".to_owned());
        }
        bytes.drain(..start);
        Ok(Self {
            format: tensor.dtype,
            columns,
            bytes,
        })
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.bytes.len() / (self.columns * self.format.width())
    }

    /// The mean of these rows; `None` for none.
    pub(super) fn mean(&self, rows: &[u32]) -> Option<Vec<f32>> {
        let width = self.format.width();
        let mut sums = vec![0.0_f32; self.columns];
        for row in rows {
            let start = usize::try_from(*row).ok()? * self.columns * width;
            let row = self.bytes.get(start..start + self.columns * width)?;
            for (sum, bytes) in sums.iter_mut().zip(row.chunks_exact(width)) {
                *sum += self.format.number(bytes);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "texts have fewer pieces")]
        let count = rows.len() as f32;
        (!rows.is_empty()).then(|| sums.iter().map(|sum| sum / count).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read_as_they_are() {
        for (bits, number) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
        ] {
            assert!(
                (of_half(bits) - number).abs() <= f32::EPSILON * number.abs(),
                "{bits:x}"
            );
        }
        assert!(of_half(0x7c00).is_nan());
    }
}
