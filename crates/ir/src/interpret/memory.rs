//! Tensors of a run, their elements' histories, and the positions that a place touches.

use super::argument::{Argument, axis_offsets};
use super::tile::{Tile, advance, row_major};
use super::{FaultKind, Machine, Problem};
use crate::{
    Access, Axis, BinaryOp, Bindings, DType, ParamKind, Place, Program, StoreMode, meaning,
};
use std::collections::{HashMap, HashSet};

/// Nobody, in the records of [`History`]. Programs are recorded as their number plus one.
const NOBODY: u32 = 0;
/// More than one program.
const SEVERAL: u32 = u32::MAX;

/// What has happened to one element.
#[derive(Clone, Copy, Default)]
struct History {
    /// Who has written it.
    writer: u32,
    /// Who has joined with it atomically.
    joiner: u32,
    /// Who has read it.
    reader: u32,
}

/// A tensor of the run.
struct Region<'a> {
    name: &'a str,
    dtype: DType,
    shape: Vec<usize>,
    /// Programs along each grid axis, to name them.
    grid: Vec<usize>,
    base: isize,
    /// By axis, the offset of each position in elements.
    offsets: Vec<Vec<isize>>,
    bytes: &'a mut [u8],
    /// By element in row-major order; empty for inputs.
    history: Vec<History>,
    /// False for outputs, which hold nothing before they are written.
    filled: bool,
    /// Atomic float sums before rounding, so that their order does not show.
    sums: HashMap<usize, f64>,
}

/// All tensors of a run, by parameter.
pub(super) struct Memory<'a> {
    regions: Vec<Option<Region<'a>>>,
}

/// The positions along one axis of a tensor that an access touches. `None` is past the end.
pub(super) struct Positions {
    list: Vec<Option<usize>>,
    /// False for an axis that vanishes from the tile.
    kept: bool,
}

/// Where one element of a tile lies.
#[derive(Clone, Copy)]
struct Cell {
    /// In memory, in elements.
    at: usize,
    /// In row-major order.
    element: usize,
}

impl<'a> Memory<'a> {
    /// Checks the arguments; the tensors, and the scalars by parameter.
    pub fn new(
        program: &'a Program,
        arguments: &'a mut [Argument],
        bindings: &Bindings,
    ) -> Result<(Self, Vec<f64>), String> {
        let count = program.params.len();
        if arguments.len() != count || bindings.kernel_shapes.len() != count {
            return Err(format!("got {} arguments for {count} parameters", arguments.len()));
        }
        let mut scalars = vec![0.0; count];
        let mut regions = Vec::with_capacity(count);
        for (number, (param, argument)) in program.params.iter().zip(arguments).enumerate() {
            let name = &param.name;
            regions.push(match (&param.kind, argument) {
                (ParamKind::Scalar { dtype, .. }, Argument::Scalar(value)) => {
                    scalars[number] = dtype.round(*value);
                    None
                }
                (ParamKind::Tensor { dtype, access, .. }, Argument::Tensor(tensor)) => {
                    let (caller, shape) =
                        (&bindings.shapes[number], &bindings.kernel_shapes[number]);
                    if tensor.dtype != *dtype || tensor.shape != *caller {
                        return Err(format!(
                            "`{name}` is {}{:?}, expected {dtype}{caller:?}",
                            tensor.dtype, tensor.shape
                        ));
                    }
                    let writable = *access != Access::In;
                    tensor.check(writable).map_err(|text| format!("`{name}` {text}"))?;
                    let elements = if writable { shape.iter().product() } else { 0 };
                    Some(Region {
                        name,
                        dtype: *dtype,
                        shape: shape.clone(),
                        grid: bindings.grid(program),
                        base: tensor.offset as isize,
                        offsets: axis_offsets(program, number, tensor),
                        history: vec![History::default(); elements],
                        filled: *access != Access::Out,
                        sums: HashMap::new(),
                        bytes: &mut tensor.bytes,
                    })
                }
                (ParamKind::Scalar { .. }, _) => {
                    return Err(format!("`{name}` is a scalar but got a tensor"));
                }
                (ParamKind::Tensor { .. }, _) => {
                    return Err(format!("`{name}` is a tensor but got a scalar"));
                }
            });
        }
        Ok((Memory { regions }, scalars))
    }

    fn region(&mut self, place: &Place) -> Result<&mut Region<'a>, Problem> {
        self.regions[place.param.index()].as_mut().ok_or_else(|| Problem {
            kind: FaultKind::Argument,
            tensor: None,
            index: Vec::new(),
            text: "a scalar parameter has no elements".into(),
        })
    }

    pub fn load(
        &mut self,
        place: &Place,
        axes: &[Positions],
        fill: f64,
        shape: Vec<usize>,
        program: u32,
    ) -> Result<Tile, Problem> {
        let region = self.region(place)?;
        let mut data = Vec::with_capacity(shape.iter().product());
        for_each_cell(&region.cells(axes), |cell| {
            data.push(match cell {
                Some(cell) => {
                    region.note_read(cell.element, program + 1)?;
                    region.read(cell)
                }
                None => fill,
            });
            Ok(())
        })?;
        Ok(Tile::new(shape, data))
    }

    pub fn store(
        &mut self,
        place: &Place,
        axes: &[Positions],
        value: &Tile,
        mask: Option<&Tile>,
        mode: StoreMode,
        program: u32,
    ) -> Result<(), Problem> {
        let shape: Vec<usize> = axes.iter().filter(|a| a.kept).map(|a| a.list.len()).collect();
        let value = value.broadcast(&shape);
        let mask = mask.map(|mask| mask.broadcast(&shape));
        let repeats = mode == StoreMode::Set && axes.iter().any(Positions::repeats);
        let mut written = HashSet::new();
        let region = self.region(place)?;
        let mut number = 0;
        for_each_cell(&region.cells(axes), |cell| {
            let x = value.data()[number];
            let active = mask.as_ref().is_none_or(|mask| mask.data()[number] != 0.0);
            number += 1;
            let Some(cell) = cell.filter(|_| active) else { return Ok(()) };
            if repeats && !written.insert(cell.element) {
                return Err(region.problem(
                    FaultKind::RepeatedWrite,
                    cell.element,
                    "is written twice by one store: its indices repeat".into(),
                ));
            }
            region.note_write(cell.element, program + 1, mode)?;
            region.write(cell, x, mode);
            Ok(())
        })
    }

    /// The first element that an output lacks: parameter, index, and how many there are.
    pub fn first_unwritten(&self) -> Option<(usize, Vec<i64>, usize)> {
        self.regions.iter().enumerate().find_map(|(param, region)| {
            let region = region.as_ref().filter(|region| !region.filled)?;
            let missing = |h: &&History| h.writer == NOBODY && h.joiner == NOBODY;
            let count = region.history.iter().filter(missing).count();
            let first = region.history.iter().position(|h| missing(&h))?;
            Some((param, region.index(first), count))
        })
    }
}

impl Region<'_> {
    /// By axis, the memory offset and the row-major step of each position.
    fn cells(&self, axes: &[Positions]) -> CellTable {
        let steps = row_major(&self.shape);
        let table = axes.iter().zip(&self.offsets).zip(steps).map(|((axis, offsets), step)| {
            axis.list.iter().map(|p| p.map(|p| (offsets[p], p * step))).collect()
        });
        CellTable { base: self.base, axes: table.collect() }
    }

    fn bytes(&mut self, cell: Cell) -> &mut [u8] {
        let size = self.dtype.size();
        &mut self.bytes[cell.at * size..(cell.at + 1) * size]
    }

    fn read(&mut self, cell: Cell) -> f64 {
        let dtype = self.dtype;
        dtype.read(self.bytes(cell))
    }

    fn write(&mut self, cell: Cell, x: f64, mode: StoreMode) {
        let dtype = self.dtype;
        let after = match mode {
            StoreMode::Set => {
                if !self.sums.is_empty() {
                    self.sums.remove(&cell.element);
                }
                x
            }
            StoreMode::AtomicAdd if dtype.is_float() => {
                let before = self.read(cell);
                let sum = self.sums.entry(cell.element).or_insert(before);
                *sum += x;
                *sum
            }
            StoreMode::AtomicAdd => meaning::binary(BinaryOp::Add, dtype, self.read(cell), x),
            StoreMode::AtomicMax => meaning::binary(BinaryOp::Max, dtype, self.read(cell), x),
            StoreMode::AtomicMin => meaning::binary(BinaryOp::Min, dtype, self.read(cell), x),
        };
        dtype.write(after, self.bytes(cell));
    }

    /// The index of an element given in row-major order.
    fn index(&self, element: usize) -> Vec<i64> {
        coordinates(&self.shape, element)
    }

    fn problem(&self, kind: FaultKind, element: usize, text: String) -> Problem {
        let index = self.index(element);
        Problem {
            kind,
            tensor: Some(self.name.into()),
            text: format!("element {index:?} of `{}` {text}", self.name),
            index,
        }
    }

    fn race(&self, element: usize, doing: &str, other: u32, done: &str) -> Problem {
        let by = match other {
            SEVERAL => "several other programs".into(),
            other => format!("program {:?}", coordinates(&self.grid, other as usize - 1)),
        };
        let text =
            format!("is {doing} here and {done} by {by}: the order of programs is not fixed");
        self.problem(FaultKind::Race, element, text)
    }

    fn note_read(&mut self, element: usize, me: u32) -> Result<(), Problem> {
        let Some(&history) = self.history.get(element) else { return Ok(()) };
        let History { writer, joiner, .. } = history;
        if !self.filled && writer == NOBODY && joiner == NOBODY {
            let text = "is read before anything was written to it".into();
            return Err(self.problem(FaultKind::UnwrittenRead, element, text));
        }
        if is_other(writer, me) {
            return Err(self.race(element, "read", writer, "written"));
        }
        if is_other(joiner, me) {
            return Err(self.race(element, "read", joiner, "changed atomically"));
        }
        note(&mut self.history[element].reader, me);
        Ok(())
    }

    fn note_write(&mut self, element: usize, me: u32, mode: StoreMode) -> Result<(), Problem> {
        let History { writer, joiner, reader } = self.history[element];
        let (doing, atomic) = match mode {
            StoreMode::Set => ("written", false),
            _ => ("changed atomically", true),
        };
        if is_other(writer, me) {
            return Err(self.race(element, doing, writer, "written"));
        }
        if is_other(reader, me) {
            return Err(self.race(element, doing, reader, "read"));
        }
        if !atomic && is_other(joiner, me) {
            return Err(self.race(element, doing, joiner, "changed atomically"));
        }
        let history = &mut self.history[element];
        note(if atomic { &mut history.joiner } else { &mut history.writer }, me);
        Ok(())
    }
}

/// Where number `position` in row-major order lies in `shape`.
fn coordinates(shape: &[usize], position: usize) -> Vec<i64> {
    let axes = row_major(shape).into_iter().zip(shape);
    axes.map(|(step, &extent)| (position / step % extent) as i64).collect()
}

fn is_other(recorded: u32, me: u32) -> bool {
    recorded != NOBODY && recorded != me
}

fn note(record: &mut u32, me: u32) {
    *record = if is_other(*record, me) { SEVERAL } else { me };
}

impl Positions {
    /// True when a position occurs twice, so that a store could write an element twice.
    fn repeats(&self) -> bool {
        let increasing = self.list.windows(2).all(|pair| pair[0] < pair[1] || pair[1].is_none());
        let mut seen = HashSet::new();
        !increasing && self.list.iter().flatten().any(|position| !seen.insert(position))
    }
}

struct CellTable {
    base: isize,
    axes: Vec<Vec<Option<(isize, usize)>>>,
}

/// Visits the cells of a place in row-major order of the tile; `None` past the end of a range.
fn for_each_cell(
    table: &CellTable,
    mut visit: impl FnMut(Option<Cell>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let Some((last, outer)) = table.axes.split_last() else {
        return visit(Some(Cell { at: table.base as usize, element: 0 }));
    };
    let extents: Vec<usize> = outer.iter().map(Vec::len).collect();
    let rounds: usize = extents.iter().product();
    let mut index = vec![0; outer.len()];
    for _ in 0..rounds {
        let start =
            index.iter().zip(outer).try_fold((table.base, 0), |(at, element), (&i, axis)| {
                axis[i].map(|(offset, step)| (at + offset, element + step))
            });
        for position in last {
            let cell = start.zip(*position).map(|((at, element), (offset, step))| Cell {
                at: (at + offset) as usize,
                element: element + step,
            });
            visit(cell)?;
        }
        advance(&mut index, &extents);
    }
    Ok(())
}

impl Machine<'_> {
    /// The positions along each axis that a place touches.
    pub(super) fn positions(&self, place: &Place) -> Result<Vec<Positions>, Problem> {
        let Some(Some(region)) = self.memory.regions.get(place.param.index()) else {
            return Ok(Vec::new());
        };
        let axes = place.axes.iter().zip(&region.shape).enumerate();
        axes.map(|(number, (axis, &extent))| {
            let inside = |position: i64| match usize::try_from(position) {
                Ok(p) if p < extent => Ok(Some(p)),
                _ => Err(self.out_of_bounds(region.name, number, position, extent)),
            };
            let list = match axis {
                Axis::At(id) => vec![inside(self.integer(*id))?],
                Axis::All => (0..extent).map(Some).collect(),
                Axis::Gather(id) => {
                    let tile = self.value(*id);
                    tile.data().iter().map(|&p| inside(p as i64)).collect::<Result<_, _>>()?
                }
                Axis::Range { start, len, step } => {
                    let start = self.integer(*start);
                    let Ok(start) = usize::try_from(start) else {
                        return Err(self.out_of_bounds(region.name, number, start, extent));
                    };
                    let position = |i: usize| start.saturating_add(i.saturating_mul(*step));
                    let list = (0..self.extent(*len)).map(position);
                    list.map(|p| (p < extent).then_some(p)).collect()
                }
            };
            Ok(Positions { list, kept: !matches!(axis, Axis::At(_)) })
        })
        .collect()
    }
}
