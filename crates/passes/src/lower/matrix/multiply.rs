//! The products themselves: fragments from shared memory or registers, summed in registers.

use super::super::collective::literal;
use super::super::{Held, LowerError, Lowering, add, binary, int, shift_left, shift_right};
use super::plan::Operand;
use super::{TILE, Tile, Way, fragment};
use crate::lower::layout::Layout;
use crate::lower::schedule::ceil_log2;
use tilewright_ir::thread::{Builtin, Code, MatrixShape, RegisterId, Value};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent, TernaryOp};

/// The operands of a dot: whether rows of their tiles are rows of the left, columns of the right one, and log2 of the
/// positions summed.
struct Operands {
    left: Source,
    left_rows: bool,
    right: Source,
    right_rows: bool,
    depth: u32,
}

/// Where an operand comes from.
enum Source {
    Memory(Tile),
    /// A load, read from its tensor where it is multiplied.
    Tensor(ExprId),
    /// Registers of the layout of a sum.
    Registers(ExprId, Layout),
}

/// What stands in the way of a dot whose operand is where its way of multiplying cannot read it.
fn not_in_memory() -> LowerError {
    LowerError("an operand of a dot is not in the memory that it is multiplied from".into())
}

impl Lowering<'_> {
    /// The layout of the sum of a dot on matrix units, if tiles of that shape are such.
    pub(in crate::lower) fn sum_layout(&self, shape: &[Extent]) -> Option<Layout> {
        let matrix = self.schedule.matrix.as_ref()?;
        let [.., rows, columns] = shape else { return None };
        let is_sum = self.plan.dots.keys().any(|dot| {
            let own = &self.program.expr(*dot).ty.shape;
            own[..] == [*rows, *columns]
        });
        let outer = shape[..shape.len() - 2].iter().all(|e| *e == Extent::Const(1));
        (is_sum && outer).then(|| {
            let log2 = |e: &Extent| e.constant().map_or(0, ceil_log2);
            let down = self.schedule.team - super::super::SUBGROUP - matrix.columns;
            let (rows, columns) = ((log2(rows), down), (log2(columns), matrix.columns));
            fragment(matrix.way, self.rank, rows, columns)
        })
    }

    /// Lowers a dot on matrix units, added to `init` if there is one, as the value of `id`.
    pub(in crate::lower) fn multiply(
        &mut self,
        id: ExprId,
        name: &str,
        dot: ExprId,
        init: Option<ExprId>,
    ) -> Result<(), LowerError> {
        let program = self.program;
        let lost = || LowerError(format!("{}: a dot has no fragments", program.name));
        let shape = super::super::padded(&program.expr(dot).ty.shape, self.rank);
        let layout = self.sum_layout(&shape).ok_or_else(lost)?;
        let [a, b] = *self.plan.dots.get(&dot).ok_or_else(lost)?;
        let half = program.expr(a.tile).ty.dtype;
        let inner = program.expr(a.tile).ty.shape[usize::from(!a.transposed)];
        let depth = inner.constant().map_or(0, ceil_log2);
        let columns = self.schedule.matrix.as_ref().map_or(0, |m| m.columns);
        let left = match self.in_registers(a, &layout, depth) {
            Some((wide, layout)) if columns == 0 => Source::Registers(wide, layout),
            _ => self.source(a)?,
        };
        let right = self.source(b)?;

        let sum = self.register(name, DType::F32, Some(layout.registers()));
        if let Some(init) = init {
            self.bring_near(init, &layout)?;
        }
        self.code(Code::Declare(sum));
        self.unroll(layout.registers(), |l, i| {
            let value = match init {
                None => literal(0.0, DType::F32),
                Some(init) => l.element(init, &layout, &i)?,
            };
            l.code(Code::SetElement(sum, i, value));
            Ok::<(), LowerError>(())
        })?;

        let operands =
            Operands { left, left_rows: !a.transposed, right, right_rows: b.transposed, depth };
        match self.schedule.matrix.as_ref().map(|m| m.way) {
            Some(Way::Half) => self.multiply_half(sum, &layout, half, operands)?,
            Some(Way::Float) => self.multiply_float(sum, &layout, a.tile, &operands)?,
            _ => self.multiply_threads(sum, &layout, &operands)?,
        }
        self.hold(id, Held { register: sum, layout });
        Ok(())
    }

    /// Products of packed pairs, 16 rows and 8 columns a tile.
    fn multiply_half(
        &mut self,
        sum: RegisterId,
        layout: &Layout,
        half: DType,
        operands: Operands,
    ) -> Result<(), LowerError> {
        let Operands { left, left_rows, right, right_rows, depth } = operands;
        let Source::Memory(right_tile) = right else { return Err(not_in_memory()) };
        let columns = self.schedule.matrix.as_ref().map_or(0, |m| m.columns);
        let rows = self.schedule.team - super::super::SUBGROUP - columns;
        let log2_rows = layout.capacity[self.rank - 2] - rows;
        let log2_columns = layout.capacity[self.rank - 1] - columns;
        let down = 1usize << (log2_rows - TILE);
        let right = 1usize << (log2_columns - TILE);
        let subgroup = self.subgroup_place(columns);
        let (rows_from, columns_from) =
            (shift_left(subgroup.0, log2_rows), shift_left(subgroup.1, log2_columns));
        let left = match left {
            Source::Registers(..) => (left, (int(0), int(0))),
            Source::Tensor(_) => return Err(not_in_memory()),
            Source::Memory(tile) => {
                let place = self.lane_place(&tile, left_rows, false, rows_from);
                (Source::Memory(tile), place)
            }
        };
        let right_from = self.lane_place(&right_tile, right_rows, true, columns_from);
        let counter = self.register("k", DType::I32, None);
        let (body, result) = self.nested(|l| {
            let step = Value::Get(counter);
            let into_a = l.register("a", DType::U32, Some(4 * down));
            let into_b = l.register("b", DType::U32, Some(4 * right));
            l.code(Code::Declare(into_a));
            l.code(Code::Declare(into_b));
            match &left {
                (Source::Memory(tile), from) => {
                    l.load_fragments((into_a, down), tile, left_rows, from, &step);
                }
                (Source::Registers(wide, layout), _) => {
                    l.pack_fragments((into_a, down), half, *wide, layout, &step)?;
                }
                (Source::Tensor(_), _) => return Err(not_in_memory()),
            }
            l.load_fragments((into_b, right), &right_tile, right_rows, &right_from, &step);
            let shape = MatrixShape::Half16x8x16(half);
            l.tiles(down, 2 * right, |l, m, n, tile| {
                l.code(Code::MatrixMultiply {
                    shape,
                    into: sum,
                    index: shift_left(tile, 2),
                    a: (into_a, shift_left(m, 2)),
                    b: (into_b, shift_left(n, 1)),
                });
            });
            Ok::<(), LowerError>(())
        });
        result?;
        self.code(Code::Unroll(counter, 1 << (depth - TILE), body));
        Ok(())
    }

    /// Visits the tiles of a sum with their row, column and number.
    fn tiles(
        &mut self,
        down: usize,
        right: usize,
        mut visit: impl FnMut(&mut Self, Value, Value, Value),
    ) {
        self.unroll(down, |l, m| {
            l.unroll(right, |l, n| {
                let tile = add(shift_left(m.clone(), right.trailing_zeros()), n.clone());
                visit(l, m.clone(), n, tile);
            });
        });
    }

    /// Products of 8 by 8 matrices in f32, of which each lane holds two neighbours of a row.
    fn multiply_float(
        &mut self,
        sum: RegisterId,
        layout: &Layout,
        a: ExprId,
        operands: &Operands,
    ) -> Result<(), LowerError> {
        let (rank, program) = (self.rank, self.program);
        let along = |axis: usize| layout.register.iter().filter(|b| b.axis == axis).count() as u32;
        let (down, right) = (1usize << along(rank - 2), 1usize << (along(rank - 1) - 1));
        let lane = |bit: u32, to: u32| {
            let lane = shift_right(Value::Builtin(Builtin::Lane), bit);
            shift_left(binary(BinaryOp::And, lane, int(1)), to)
        };
        let row = add(add(lane(1, 0), lane(2, 1)), lane(4, 2));
        let row = self.prologue_let("row", DType::I32, row);
        let column = self.prologue_let("column", DType::I32, add(lane(0, 1), lane(3, 2)));
        let places =
            [&operands.left, &operands.right].into_iter().filter_map(|source| match source {
                Source::Tensor(id) => match &program.expr(*id).kind {
                    ExprKind::Load { place, .. } => Some(place),
                    _ => None,
                },
                _ => None,
            });
        self.check_all(places);
        let counter = self.register("k", DType::I32, None);
        let (body, result) = self.nested(|l| {
            let first = shift_left(Value::Get(counter), 3);
            let into_a = l.register("a", DType::F32, Some(2 * down));
            let into_b = l.register("b", DType::F32, Some(2 * right));
            l.code(Code::Declare(into_a));
            l.code(Code::Declare(into_b));
            l.unroll(down, |l, m| {
                l.unroll(2, |l, r| {
                    let value = match &operands.left {
                        source @ (Source::Memory(_) | Source::Tensor(_)) => {
                            let register = shift_left(m.clone(), along(rank - 1));
                            let outer = l.position(layout, rank - 2, &register);
                            let inner = add(add(first.clone(), column.clone()), r.clone());
                            l.element_of(source, operands.left_rows, outer, inner)?
                        }
                        Source::Registers(wide, held) => {
                            let count = held.register.iter().filter(|b| b.axis == rank - 1).count();
                            let at = shift_left(m.clone(), count as u32);
                            let at = add(add(at, shift_left(Value::Get(counter), 1)), r.clone());
                            let (from, to) =
                                (program.expr(*wide).ty.dtype, program.expr(a).ty.dtype);
                            let of = l.element(*wide, held, &at)?;
                            match from == to {
                                true => of,
                                false => Value::Cast { from, to, of: Box::new(of) },
                            }
                        }
                    };
                    l.code(Code::SetElement(into_a, add(shift_left(m.clone(), 1), r), value));
                    Ok::<(), LowerError>(())
                })
            })?;
            l.unroll(right, |l, n| {
                l.unroll(2, |l, r| {
                    let at = add(shift_left(n.clone(), 1), r);
                    let outer = l.position(layout, rank - 1, &at);
                    let inner = add(first.clone(), row.clone());
                    let value = l.element_of(&operands.right, operands.right_rows, outer, inner)?;
                    l.code(Code::SetElement(into_b, at, value));
                    Ok::<(), LowerError>(())
                })
            })?;
            l.tiles(down, right, |l, m, n, tile| {
                l.code(Code::MatrixMultiply {
                    shape: MatrixShape::Float8x8x8,
                    into: sum,
                    index: shift_left(tile, 1),
                    a: (into_a, shift_left(m, 1)),
                    b: (into_b, shift_left(n, 1)),
                });
            });
            Ok::<(), LowerError>(())
        });
        result?;
        let end = int(1 << (operands.depth - 3));
        match operands.left {
            // Registers are indexed by what is known when compiling.
            Source::Registers(..) => {
                self.code(Code::Unroll(counter, 1 << (operands.depth - 3), body));
            }
            Source::Memory(_) | Source::Tensor(_) => {
                self.code(Code::For { counter, start: int(0), end, step: int(1), body });
            }
        }
        Ok(())
    }

    /// Products by the threads, each its own block of the sum, four summed positions at once.
    fn multiply_threads(
        &mut self,
        sum: RegisterId,
        layout: &Layout,
        operands: &Operands,
    ) -> Result<(), LowerError> {
        let rank = self.rank;
        let along = |axis: usize| layout.register.iter().filter(|b| b.axis == axis).count() as u32;
        let (down, right) = (1usize << along(rank - 2), 1usize << along(rank - 1));
        let counter = self.register("k", DType::I32, None);
        let (body, result) = self.nested(|l| {
            let first = shift_left(Value::Get(counter), 2);
            let into_a = l.register("a", DType::F32, Some(4 * down));
            let into_b = l.register("b", DType::F32, Some(4 * right));
            l.code(Code::Declare(into_a));
            l.code(Code::Declare(into_b));
            l.unroll(down, |l, m| {
                let outer = l.position(layout, rank - 2, &shift_left(m.clone(), along(rank - 1)));
                l.unroll(4, |l, j| {
                    let inner = add(first.clone(), j.clone());
                    let (source, rows) = (&operands.left, operands.left_rows);
                    let value = l.element_of(source, rows, outer.clone(), inner)?;
                    l.code(Code::SetElement(into_a, add(shift_left(m.clone(), 2), j), value));
                    Ok::<(), LowerError>(())
                })
            })?;
            l.unroll(right, |l, n| {
                let outer = l.position(layout, rank - 1, &n);
                l.unroll(4, |l, j| {
                    let inner = add(first.clone(), j.clone());
                    let (source, rows) = (&operands.right, operands.right_rows);
                    let value = l.element_of(source, rows, outer.clone(), inner)?;
                    l.code(Code::SetElement(into_b, add(shift_left(n.clone(), 2), j), value));
                    Ok::<(), LowerError>(())
                })
            })?;
            l.unroll(4, |l, j| {
                l.tiles(down, right, |l, m, n, at| {
                    let of = |array, at: Value| {
                        Value::Element(array, Box::new(add(shift_left(at, 2), j.clone())))
                    };
                    let before = Value::Element(sum, Box::new(at.clone()));
                    let abc = Box::new([of(into_a, m), of(into_b, n), before]);
                    l.code(Code::SetElement(
                        sum,
                        at,
                        Value::Ternary(TernaryOp::Fma, DType::F32, abc),
                    ));
                });
            });
            Ok::<(), LowerError>(())
        });
        result?;
        let end = int(1 << (operands.depth - 2));
        self.code(Code::For { counter, start: int(0), end, step: int(1), body });
        Ok(())
    }

    /// An element of an operand in memory, widened to f32.
    fn element_of(
        &mut self,
        source: &Source,
        outer_rows: bool,
        outer: Value,
        inner: Value,
    ) -> Result<Value, LowerError> {
        let [row, column] = if outer_rows { [outer, inner] } else { [inner, outer] };
        let (from, of) = match source {
            Source::Memory(tile) => {
                let at = tile.place(row, column);
                (self.shared[tile.array.0 as usize].dtype, Value::Shared(tile.array, Box::new(at)))
            }
            Source::Tensor(id) => {
                let of = self.value_at(*id, &[row, column]).ok_or_else(not_in_memory)?;
                (self.program.expr(*id).ty.dtype, of)
            }
            Source::Registers(..) => return Err(not_in_memory()),
        };
        Ok(match from {
            DType::F32 => of,
            from => Value::Cast { from, to: DType::F32, of: Box::new(of) },
        })
    }

    /// Where an operand is read from, if it does not lie in registers.
    fn source(&mut self, operand: Operand) -> Result<Source, LowerError> {
        match self.plan.direct.contains(&operand.tile) {
            true => Ok(Source::Tensor(operand.tile)),
            false => self.in_memory(operand).map(Source::Memory),
        }
    }

    /// An operand in shared memory.
    fn in_memory(&mut self, operand: Operand) -> Result<Tile, LowerError> {
        if let Some(tile) = self.tiles.get(&operand.tile) {
            return Ok(tile.clone());
        }
        self.share_operand(operand.tile)
    }

    /// The left operand as what it rounds, if that lies in the registers of a sum whose rows are this one's.
    fn in_registers(&self, a: Operand, sum: &Layout, depth: u32) -> Option<(ExprId, Layout)> {
        let wide = self.unrounded(a.tile);
        let shape = &self.program.expr(a.tile).ty.shape;
        let exact = shape.iter().all(|e| self.schedule.is_exact(*e));
        let rows = sum.capacity[self.rank - 2];
        let down = self.schedule.team - super::super::SUBGROUP;
        let way = self.schedule.matrix.as_ref()?.way;
        if way == Way::Threads {
            return None;
        }
        let wanted = fragment(way, self.rank, (rows, down), (depth, 0));
        let held = self.held.get(&wide)?.iter().any(|h| h.layout == wanted);
        (!a.transposed && exact && held && rows - down >= TILE).then_some((wide, wanted))
    }

    /// Which rows and columns of subgroups this thread's is.
    fn subgroup_place(&mut self, columns: u32) -> (Value, Value) {
        let subgroup = Value::Builtin(Builtin::Subgroup);
        let right = match columns {
            0 => int(0),
            _ => binary(BinaryOp::And, subgroup.clone(), int((1 << columns) - 1)),
        };
        (shift_right(subgroup, columns), right)
    }

    /// The row and the column, turned, in shared memory of the row that this lane names when its subgroup reads the first
    /// 16 by 16 elements of its part. `outer_rows`: rows of the tile are rows of the left operand, or columns of the right.
    fn lane_place(
        &mut self,
        tile: &Tile,
        outer_rows: bool,
        is_right: bool,
        outer: Value,
    ) -> (Value, Value) {
        let lane = Value::Builtin(Builtin::Lane);
        let bit = |at: u32| {
            let bit = binary(BinaryOp::And, shift_right(lane.clone(), at), int(1));
            shift_left(bit, 3)
        };
        // Blocks 0 to 3 go along the outer axis first for the left operand, along the summed one for the right.
        let (outer_bit, inner_bit) = if is_right { (bit(4), bit(3)) } else { (bit(3), bit(4)) };
        let row = binary(BinaryOp::And, lane.clone(), int(7));
        let (row, column) = match outer_rows {
            true => (add(add(row, outer_bit), outer), inner_bit),
            false => (add(row, inner_bit), add(outer_bit, outer)),
        };
        let row = self.prologue_let("row", DType::I32, row);
        let column = binary(BinaryOp::Xor, column, tile.turn(row.clone()));
        let column = self.prologue_let("column", DType::I32, column);
        (row, column)
    }

    /// Loads `count` pieces of 16 along the outer axis, at step `step` of the summed one.
    fn load_fragments(
        &mut self,
        (into, count): (RegisterId, usize),
        tile: &Tile,
        outer_rows: bool,
        (row, column): &(Value, Value),
        step: &Value,
    ) {
        self.unroll(count, |l, i| {
            let (along, inner) = (shift_left(i.clone(), TILE), shift_left(step.clone(), TILE));
            let at = match outer_rows {
                true => tile.index(add(row.clone(), along), (column.clone(), inner)),
                false => tile.index(add(row.clone(), inner), (column.clone(), along)),
            };
            l.code(Code::LoadMatrix {
                into,
                index: shift_left(i, 2),
                from: tile.array,
                at,
                transposed: !outer_rows,
            });
        });
    }

    /// The fragments of a left operand that lies in the registers of a sum: pairs of neighbours, in the order they lie.
    fn pack_fragments(
        &mut self,
        (into, count): (RegisterId, usize),
        half: DType,
        wide: ExprId,
        layout: &Layout,
        step: &Value,
    ) -> Result<(), LowerError> {
        let columns = layout.capacity[self.rank - 1];
        self.unroll(count, |l, m| {
            l.unroll(4, |l, r| {
                let row = shift_left(m.clone(), columns - 1);
                let first = add(add(row, shift_left(step.clone(), 3)), shift_left(r.clone(), 1));
                let low = l.element(wide, layout, &first)?;
                let high = l.element(wide, layout, &add(first, int(1)))?;
                let value = Value::Pack(half, Box::new([low, high]));
                l.code(Code::SetElement(into, add(shift_left(m.clone(), 2), r), value));
                Ok(())
            })
        })
    }

    /// The sum of another tile and a dot that only it needs.
    pub(in crate::lower) fn bind_sum(
        &mut self,
        id: ExprId,
        name: &str,
    ) -> Result<bool, LowerError> {
        if let Some(&(other, dot)) = self.plan.sums.get(&id) {
            self.multiply(id, name, dot, Some(other))?;
            return Ok(true);
        }
        if matches!(self.program.expr(id).kind, ExprKind::Dot(..))
            && self.plan.dots.contains_key(&id)
        {
            if !self.plan.summed.contains(&id) {
                self.multiply(id, name, id, None)?;
            }
            return Ok(true);
        }
        Ok(false)
    }
}
