//! Tensors of a run, their elements' histories, and the positions that a place touches.

use super::argument::{Argument, Offsets, axis_offsets};
use super::tile::{Tile, advance, row_major};
use super::{FaultKind, Machine, Problem};
use crate::interpret::Tensor;
use crate::{
    Access, Axis, BinaryOp, Bindings, Covered, DType, ParamKind, Place, Program, StoreMode, meaning,
};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Nobody, in the records of [`History`]. Programs are recorded as their number plus one.
const NOBODY: u32 = 0;
/// More than one program.
const SEVERAL: u32 = u32::MAX;

/// What has happened to one element.
#[derive(Clone, Copy, Default, PartialEq)]
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
    axes: Rc<Vec<RegionAxis>>,
    bytes: &'a mut [u8],
    /// By element in row-major order; empty for inputs.
    history: Vec<History>,
    /// False for outputs, which hold nothing before they are written.
    filled: bool,
    /// Atomic float sums before rounding, so that their order does not show.
    sums: HashMap<usize, f64>,
}

/// An axis of a tensor.
struct RegionAxis {
    /// Where its positions lie in memory, in elements.
    offsets: Offsets,
    /// From position to position in row-major order.
    step: usize,
}

/// All tensors of a run, by parameter.
pub(super) struct Memory<'a> {
    regions: Vec<Option<Region<'a>>>,
}

/// The positions along one axis of a tensor that an access touches.
pub(super) struct Positions {
    places: Places,
    /// False for an axis that vanishes from the tile.
    kept: bool,
}

enum Places {
    /// `len` of them, evenly apart: `before` lie before the axis, then `inside` inside it from `start` on, and the
    /// others past its end.
    Run { before: usize, start: usize, step: usize, inside: usize, len: usize },
    /// Each by itself, all inside.
    List(Vec<usize>),
}

/// Elements that lie evenly apart.
#[derive(Clone, Copy)]
struct Run {
    /// The first in memory, in elements, and from one to the next.
    at: isize,
    at_step: isize,
    /// The same in row-major order.
    element: usize,
    element_step: usize,
    count: usize,
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
                        axes: Rc::new(axes_of(program, number, tensor, shape)),
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
        for_each_run(region.base, &region.axes.clone(), axes, |run, outside| {
            if let Some(run) = run {
                if !region.history.is_empty() {
                    run.cells().try_for_each(|cell| region.note_read(cell.element, program + 1))?;
                }
                region.read_run(run, &mut data);
            }
            data.extend(std::iter::repeat_n(fill, outside));
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
        let shape: Vec<usize> = axes.iter().filter(|a| a.kept).map(|a| a.places.len()).collect();
        let value = value.broadcast(&shape);
        let mask = mask.map(|mask| mask.broadcast(&shape));
        let repeats = mode == StoreMode::Set && axes.iter().any(Positions::repeats);
        let mut written = HashSet::new();
        let region = self.region(place)?;
        let plain = mode == StoreMode::Set && mask.is_none() && !repeats && region.sums.is_empty();
        let mut number = 0;
        for_each_run(region.base, &region.axes.clone(), axes, |run, outside| {
            let count = run.map_or(0, |run| run.count);
            let values = &value.data()[number..number + count];
            match run {
                Some(run) if plain => {
                    run.cells()
                        .try_for_each(|cell| region.note_write(cell.element, program + 1, mode))?;
                    region.write_run(run, values);
                }
                Some(run) => {
                    for (i, (cell, &x)) in run.cells().zip(values).enumerate() {
                        if mask.as_ref().is_some_and(|mask| mask.data()[number + i] == 0.0) {
                            continue;
                        }
                        if repeats && !written.insert(cell.element) {
                            return Err(region.problem(
                                FaultKind::RepeatedWrite,
                                cell.element,
                                "is written twice by one store: its indices repeat".into(),
                            ));
                        }
                        region.note_write(cell.element, program + 1, mode)?;
                        region.write(cell, x, mode);
                    }
                }
                None => {}
            }
            number += count + outside;
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
    /// Appends the elements of a run.
    fn read_run(&self, run: Run, to: &mut Vec<f64>) {
        let size = self.dtype.size();
        let bytes = |cell: Cell| &self.bytes[cell.at * size..(cell.at + 1) * size];
        // Loops for the usual types, without a look at the type for each element.
        match self.dtype {
            DType::F32 => to.extend(run.cells().map(|cell| DType::F32.read(bytes(cell)))),
            DType::F64 => to.extend(run.cells().map(|cell| DType::F64.read(bytes(cell)))),
            dtype => to.extend(run.cells().map(|cell| dtype.read(bytes(cell)))),
        }
    }

    /// Puts `values` into the elements of a run.
    fn write_run(&mut self, run: Run, values: &[f64]) {
        let dtype = self.dtype;
        for (cell, &x) in run.cells().zip(values) {
            dtype.write(x, self.bytes(cell));
        }
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
        let history = &mut self.history[element];
        if mode == StoreMode::Set && *history == History::default() {
            history.writer = me;
            return Ok(());
        }
        let History { writer, joiner, reader } = *history;
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

/// The axes of a tensor argument as the kernel sees them.
fn axes_of(program: &Program, param: usize, tensor: &Tensor, shape: &[usize]) -> Vec<RegionAxis> {
    let offsets = axis_offsets(program, param, tensor).into_iter();
    offsets.zip(row_major(shape)).map(|(offsets, step)| RegionAxis { offsets, step }).collect()
}

impl Positions {
    /// True when a position occurs twice, so that a store could write an element twice.
    fn repeats(&self) -> bool {
        match &self.places {
            Places::Run { step, inside, .. } => *step == 0 && *inside > 1,
            Places::List(list) => {
                let mut seen = HashSet::new();
                let increasing = list.windows(2).all(|pair| pair[0] < pair[1]);
                !increasing && list.iter().any(|position| !seen.insert(position))
            }
        }
    }
}

impl Places {
    /// How many there are.
    fn len(&self) -> usize {
        match self {
            Places::Run { len, .. } => *len,
            Places::List(list) => list.len(),
        }
    }

    /// Number `i`; `None` outside the axis.
    fn get(&self, i: usize) -> Option<usize> {
        match self {
            Places::Run { before, start, step, inside, .. } => {
                let i = i.checked_sub(*before)?;
                (i < *inside).then(|| start + i * step)
            }
            Places::List(list) => Some(list[i]),
        }
    }
}

impl Run {
    /// Its elements.
    fn cells(self) -> impl Iterator<Item = Cell> {
        let Run { at, at_step, element, element_step, count } = self;
        (0..count).map(move |i| Cell {
            at: (at + i as isize * at_step) as usize,
            element: element + i * element_step,
        })
    }
}

/// Visits the elements of a place in row-major order of the tile: runs, and how many positions outside their axis
/// follow each.
fn for_each_run(
    base: isize,
    axes: &[RegionAxis],
    positions: &[Positions],
    mut visit: impl FnMut(Option<Run>, usize) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let one = |at, element| Run { at, at_step: 0, element, element_step: 0, count: 1 };
    let (Some((last, outer)), Some((axis, outer_axes))) =
        (positions.split_last(), axes.split_last())
    else {
        return visit(Some(one(base, 0)), 0);
    };
    let extents: Vec<usize> = outer.iter().map(|positions| positions.places.len()).collect();
    let rounds: usize = extents.iter().product();
    let mut index = vec![0; outer.len()];
    for _ in 0..rounds {
        let of_axis = |(at, element): (isize, usize), axis: &RegionAxis, position: usize| {
            (at + axis.offsets.at(position), element + position * axis.step)
        };
        let start = index
            .iter()
            .zip(outer)
            .zip(outer_axes)
            .try_fold((base, 0), |start, ((&i, positions), axis)| {
                Some(of_axis(start, axis, positions.places.get(i)?))
            });
        match (start, &last.places, &axis.offsets) {
            (None, places, _) => visit(None, places.len())?,
            (
                Some(start),
                &Places::Run { before, start: first, step, inside, len },
                Offsets::Even(stride),
            ) => {
                if before > 0 {
                    visit(None, before)?;
                }
                let (at, element) = of_axis(start, axis, first);
                let (at_step, element_step) = (step as isize * stride, step * axis.step);
                let run = Run { at, at_step, element, element_step, count: inside };
                visit((inside > 0).then_some(run), len - before - inside)?;
            }
            (Some(start), places, _) => {
                for i in 0..places.len() {
                    match places.get(i).map(|position| of_axis(start, axis, position)) {
                        Some((at, element)) => visit(Some(one(at, element)), 0)?,
                        None => visit(None, 1)?,
                    }
                }
            }
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
                Ok(p) if p < extent => Ok(p),
                _ => Err(self.out_of_bounds(region.name, number, position, extent)),
            };
            let places = match axis {
                Axis::At(id) => {
                    let start = inside(self.integer(*id))?;
                    Places::Run { before: 0, start, step: 1, inside: 1, len: 1 }
                }
                Axis::All => {
                    Places::Run { before: 0, start: 0, step: 1, inside: extent, len: extent }
                }
                Axis::Gather(id) => {
                    let tile = self.value(*id);
                    let list = tile.data().iter().map(|&p| inside(p as i64));
                    Places::List(list.collect::<Result<_, _>>()?)
                }
                Axis::Range { start, len, step } => {
                    let (start, len, step) =
                        (self.integer(*start), self.extent(*len), (*step).max(1));
                    let Covered { before, first, inside } = Covered::of(start, step, len, extent);
                    Places::Run { before, start: first, step, inside, len }
                }
            };
            Ok(Positions { places, kept: !matches!(axis, Axis::At(_)) })
        })
        .collect()
    }
}
