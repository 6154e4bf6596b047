//! What can be said of a program before its sizes are known: uses, what varies from program to program, which
//! pairs of ops become one, and which values go straight to an output.

use crate::simd::ops::{Fused, Inner, Outer};
use tilewright_ir::{
    Access, BinaryOp, DType, ExprId, ExprKind, ParamKind, Place, Program, ReduceOp, Stmt,
    StoreMode, TernaryOp, UnaryOp,
};

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Analysis {
    /// How often each value is used.
    pub uses: Vec<u32>,
    /// Values that may differ between programs, or change in a loop.
    pub varies: Vec<bool>,
    /// Values that may differ between programs along the last grid axis.
    pub apart: Vec<bool>,
    /// Values computed by one map of other operands than the IR says.
    pub fused: Vec<Option<(Fusion, Vec<ExprId>)>>,
    /// Quotients of a row of exponentials by their sum.
    pub parts: Vec<bool>,
    /// Halves that only a sum with packed weights uses, which takes them as they lie in memory.
    pub raw: Vec<bool>,
    /// Values that only fused ones use, so that nobody computes them.
    pub absorbed: Vec<bool>,
    /// Tensors that are both read and written, whose loads must happen in their place.
    pub careful: Vec<bool>,
    /// By parameter: the number of store statements.
    pub stores: Vec<u32>,
    /// There are loops, conditions or variables.
    pub control: bool,
    /// Programs join their results in memory, so they run one after the other.
    pub atomic: bool,
}

/// What a fused value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fusion {
    /// A map.
    Map(Fused),
    /// Random numbers of positions that count up, of a seed and a stream: from a third operand on, or from 0.
    CountedPhilox { from: bool },
    /// A row times a scale, or 0 where the random number of its position, of a seed and a stream, is below a
    /// probability. Behind these four operands come the scale and the first position, if there are any.
    DropOut { scaled: bool, from: bool },
    /// The sum over an axis of a product.
    SumOfProducts(usize),
    /// Integers unpacked from a tensor that is only read: the load belongs to it.
    Unpacked,
    /// The sum of x times packed weights of so many bits in groups of so many, x being widened halves or not; then scales
    /// and biases may be halves, too; see [`crate::packed`].
    PackedSum { bits: u32, group: usize, short: bool },
}

impl Analysis {
    /// True where all programs do the same steps, each for itself.
    pub fn is_plain(&self) -> bool {
        !self.control && !self.atomic
    }

    /// Analyzes a valid program.
    pub fn of(program: &Program) -> Self {
        let count = program.exprs.len();
        let mut analysis = Analysis {
            uses: vec![0; count],
            varies: vec![false; count],
            apart: vec![false; count],
            fused: vec![None; count],
            parts: vec![false; count],
            raw: vec![false; count],
            absorbed: vec![false; count],
            careful: vec![false; program.params.len()],
            stores: vec![0; program.params.len()],
            control: false,
            atomic: false,
        };
        for (param, careful) in program.params.iter().zip(&mut analysis.careful) {
            *careful = matches!(param.kind, ParamKind::Tensor { access: Access::InOut, .. });
        }
        let mut lets = Vec::new();
        analysis.body(program, &program.body, &mut lets);
        for &id in &lets {
            let kind = &program.expr(id).kind;
            each_operand(program, kind, |operand| analysis.uses[operand.index()] += 1);
            analysis.varies[id.index()] = varying(program, id, &analysis.varies, |_| true);
            let last = |axis: usize| axis + 1 == program.grid.len();
            analysis.apart[id.index()] = varying(program, id, &analysis.apart, last);
        }
        let mut summed = vec![false; count];
        for &id in &lets {
            if let ExprKind::Reduce(ReduceOp::Sum, of, _) = program.expr(id).kind {
                summed[of.index()] = true;
            }
        }
        for &id in &lets {
            analysis.fused[id.index()] = analysis.fuse(program, id, &summed);
            analysis.parts[id.index()] = is_part(program, id);
            if let Some((Fusion::PackedSum { .. }, operands)) = &analysis.fused[id.index()] {
                for &number in &operands[2..] {
                    analysis.raw[number.index()] = program.expr(number).ty.dtype != DType::F32;
                }
            }
        }
        // Count again, now from the stores backwards: what only absorbed values used is absorbed too.
        analysis.uses.fill(0);
        analysis.stores.fill(0);
        analysis.body(program, &program.body, &mut Vec::new());
        for &id in lets.iter().rev() {
            if analysis.uses[id.index()] == 0 {
                analysis.absorbed[id.index()] = true;
                continue;
            }
            let uses = &mut analysis.uses;
            match &analysis.fused[id.index()] {
                Some((_, operands)) => operands.iter().for_each(|o| uses[o.index()] += 1),
                None => each_operand(program, &program.expr(id).kind, |o| uses[o.index()] += 1),
            }
        }
        analysis
    }

    /// Notes what statements use, and collects the values in order.
    fn body(&mut self, program: &Program, body: &[Stmt], lets: &mut Vec<ExprId>) {
        for stmt in body {
            match stmt {
                Stmt::Let(id) => {
                    lets.push(*id);
                    let kind = &program.expr(*id).kind;
                    if let ExprKind::Load { place, .. } = kind {
                        let tensor = &program.param(place.param).kind;
                        if !matches!(tensor, ParamKind::Tensor { access: Access::In, .. }) {
                            self.careful[place.param.index()] = true;
                        }
                    }
                }
                Stmt::Set(_, value) => {
                    self.control = true;
                    self.uses[value.index()] += 1;
                }
                Stmt::Store { place, value, mask, mode, .. } => {
                    self.uses[value.index()] += 1;
                    if let Some(mask) = mask {
                        self.uses[mask.index()] += 1;
                    }
                    self.place(place);
                    self.stores[place.param.index()] += 1;
                    self.atomic |= *mode != StoreMode::Set;
                }
                Stmt::For { start, end, body, .. } => {
                    self.control = true;
                    self.uses[start.index()] += 1;
                    self.uses[end.index()] += 1;
                    self.body(program, body, lets);
                }
                Stmt::When { condition, body } => {
                    self.control = true;
                    self.uses[condition.index()] += 1;
                    self.body(program, body, lets);
                }
            }
        }
    }

    fn place(&mut self, place: &Place) {
        place.operands(&mut |id| self.uses[id.index()] += 1);
    }

    /// The operands of `id`, if it is that binary op and nothing else yet.
    fn pair(&self, program: &Program, id: ExprId, op: BinaryOp) -> Option<(ExprId, ExprId)> {
        if self.fused[id.index()].is_some() {
            return None;
        }
        match program.expr(id).kind {
            ExprKind::Binary(found, a, b) if found == op => Some((a, b)),
            _ => None,
        }
    }

    /// The operand of `id`, if it is that unary op and nothing else yet.
    fn single(&self, program: &Program, id: ExprId, op: UnaryOp) -> Option<ExprId> {
        match self.fused[id.index()] {
            None => match program.expr(id).kind {
                ExprKind::Unary(found, a) if found == op => Some(a),
                _ => None,
            },
            Some(_) => None,
        }
    }

    /// The first operand of `id`, if it is that fused map.
    fn is(&self, id: ExprId, fused: Fused) -> Option<ExprId> {
        match &self.fused[id.index()] {
            Some((Fusion::Map(found), operands)) if *found == fused => Some(operands[0]),
            _ => None,
        }
    }

    /// A cheaper spelling of a value, whose parts nobody else uses.
    fn fuse(
        &self,
        program: &Program,
        id: ExprId,
        summed: &[bool],
    ) -> Option<(Fusion, Vec<ExprId>)> {
        let expr = program.expr(id);
        if let ExprKind::Unpack { of, .. } = expr.kind {
            return self.unpacked(program, id, of);
        }
        if let ExprKind::Ternary(TernaryOp::Philox, [position, seed, stream]) = expr.kind {
            let single = |id: ExprId| program.expr(id).ty.shape.is_empty();
            if !single(seed) || !single(stream) {
                return None;
            }
            let from = counted_from(program, position)?;
            let operands = [Some(seed), Some(stream), from].into_iter().flatten().collect();
            return Some((Fusion::CountedPhilox { from: from.is_some() }, operands));
        }
        if expr.ty.dtype != DType::F32 {
            return None;
        }
        let once = |id: ExprId| self.uses[id.index()] == 1;
        let shape = |id: ExprId| &program.expr(id).ty.shape;
        match expr.kind {
            ExprKind::Ternary(TernaryOp::Select, [keep, value, other]) => {
                self.drop_out(program, id, [keep, value, other])
            }
            ExprKind::Unary(UnaryOp::Exp, a) if once(a) => {
                let (x, y) = self.pair(program, a, BinaryOp::Sub)?;
                let greatest = repeated(program, y);
                let is_max = |id: ExprId| matches!(program.expr(id).kind, ExprKind::Reduce(ReduceOp::Max, of, _) if of == x);
                let fused = match program.expr(greatest).kind {
                    _ if is_max(greatest) => Fused::ExpBelow,
                    ExprKind::Ternary(TernaryOp::Select, [_, max, other])
                        if is_max(repeated(program, max)) && is_zero(program, other) =>
                    {
                        Fused::ExpBelowOrZero
                    }
                    _ => Fused::ExpSub,
                };
                Some((Fusion::Map(fused), vec![x, y]))
            }
            ExprKind::Unary(UnaryOp::Tanh, a) if once(a) => {
                let x = self.single(program, a, UnaryOp::Softplus)?;
                Some((Fusion::Map(Fused::TanhSoftplus), vec![x]))
            }
            ExprKind::Binary(op, a, b) => {
                let product = match op {
                    BinaryOp::Mul => self.fuse_product(program, a, b),
                    _ => None,
                };
                // A product that is summed goes with its sum.
                match summed[id.index()] && op == BinaryOp::Mul {
                    true => product,
                    false => product.or_else(|| self.fuse_pair(program, op, a, b)),
                }
            }
            ExprKind::Reduce(ReduceOp::Sum, a, axis) if once(a) => {
                let (x, y) = self.pair(program, a, BinaryOp::Mul)?;
                if let Some(packed) = crate::packed::packed_sum(program, self, [x, y]) {
                    return Some(packed);
                }
                let whole = shape(x) == shape(a) && shape(y) == shape(a);
                whole.then(|| (Fusion::SumOfProducts(axis), vec![x, y]))
            }
            _ => None,
        }
    }

    /// A value where a number of the interval from 0 to 1, made of the upper 24 bits of a random word, reaches a
    /// probability, and else 0.
    fn drop_out(
        &self,
        program: &Program,
        id: ExprId,
        [keep, value, other]: [ExprId; 3],
    ) -> Option<(Fusion, Vec<ExprId>)> {
        let once = |id: ExprId| Some(id).filter(|id| self.uses[id.index()] == 1);
        let constant = |id: ExprId| match program.expr(repeated(program, id)).kind {
            ExprKind::Const(literal) => Some(literal.value()),
            _ => None,
        };
        let single = |id: ExprId| program.expr(repeated(program, id)).ty.shape.is_empty();
        let shape = |id: ExprId| &program.expr(id).ty.shape;
        let (number, p) = self.pair(program, once(keep)?, BinaryOp::Ge)?;
        let (whole, unit) = self.pair(program, once(number)?, BinaryOp::Mul)?;
        let ExprKind::Cast(bits) = program.expr(once(whole)?).kind else { return None };
        let (word, by) = self.pair(program, once(bits)?, BinaryOp::Shr)?;
        let Some((Fusion::CountedPhilox { from }, draw)) = &self.fused[once(word)?.index()] else {
            return None;
        };
        let fits = program.expr(bits).ty.dtype == DType::U32
            && [number, p].iter().all(|id| program.expr(*id).ty.dtype == DType::F32)
            && constant(by) == Some(8.0)
            && constant(unit) == Some(2f64.powi(-24))
            && constant(other).is_some_and(|other| other.to_bits() == 0)
            && single(p)
            && shape(id) == shape(word)
            && shape(value) == shape(word);
        if !fits {
            return None;
        }
        let mut operands = vec![value, draw[0], draw[1], repeated(program, p)];
        let mut scaled = false;
        let product = once(value).and_then(|value| self.pair(program, value, BinaryOp::Mul));
        for (x, scale) in product.into_iter().flat_map(|(a, b)| [(a, b), (b, a)]) {
            if shape(x) == shape(word) && single(scale) && !scaled {
                operands[0] = x;
                operands.push(repeated(program, scale));
                scaled = true;
            }
        }
        operands.extend(draw.get(2));
        Some((Fusion::DropOut { scaled, from: *from }, operands))
    }

    /// Unpacking right after a load that nothing else uses.
    fn unpacked(&self, program: &Program, id: ExprId, of: ExprId) -> Option<(Fusion, Vec<ExprId>)> {
        let ExprKind::Load { place, .. } = &program.expr(of).kind else { return None };
        let access = match program.param(place.param).kind {
            ParamKind::Tensor { access, .. } => access,
            ParamKind::Scalar { .. } => return None,
        };
        let mut pairs = program.body.windows(2);
        let adjacent =
            pairs.any(|pair| matches!(pair, [Stmt::Let(a), Stmt::Let(b)] if *a == of && *b == id));
        if access != Access::In || self.uses[of.index()] != 1 || !adjacent {
            return None;
        }
        let mut operands = Vec::new();
        each_operand(program, &program.expr(of).kind, |operand| operands.push(operand));
        Some((Fusion::Unpacked, operands))
    }

    /// Two of +, - and * in one sweep.
    fn fuse_pair(
        &self,
        program: &Program,
        op: BinaryOp,
        a: ExprId,
        b: ExprId,
    ) -> Option<(Fusion, Vec<ExprId>)> {
        for (x, c, first) in [(a, b, true), (b, a, false)] {
            let outer = match op {
                BinaryOp::Add => Outer::Add,
                BinaryOp::Mul => Outer::Mul,
                BinaryOp::Sub if first => Outer::Sub,
                BinaryOp::Sub => Outer::From,
                _ => return None,
            };
            if self.uses[x.index()] != 1 || self.fused[x.index()].is_some() {
                continue;
            }
            let ExprKind::Binary(op, p, q) = program.expr(x).kind else { continue };
            let inner = match op {
                BinaryOp::Add => Inner::Add,
                BinaryOp::Sub => Inner::Sub,
                BinaryOp::Mul => Inner::Mul,
                _ => continue,
            };
            return Some((Fusion::Map(Fused::Pair(inner, outer)), vec![p, q, c]));
        }
        None
    }

    fn fuse_product(
        &self,
        program: &Program,
        a: ExprId,
        b: ExprId,
    ) -> Option<(Fusion, Vec<ExprId>)> {
        if a == b {
            return None;
        }
        let once = |id: ExprId| self.uses[id.index()] == 1;
        for (x, y) in [(a, b), (b, a)] {
            if program.expr(x).ty.shape != program.expr(y).ty.shape || !once(y) {
                continue;
            }
            if self.single(program, y, UnaryOp::Sigmoid) == Some(x) {
                return Some((Fusion::Map(Fused::Silu), vec![x]));
            }
            if self.is(y, Fused::TanhSoftplus) == Some(x) {
                return Some((Fusion::Map(Fused::Mish), vec![x]));
            }
            if let Some(inner) = self.is(y, Fused::Silu) {
                return Some((Fusion::Map(Fused::SiluMul), vec![inner, x]));
            }
        }
        None
    }
}

/// True for a value that may change in a loop, or differs between programs along grid axes of which `moves` is true, as
/// values before it that are `varying` do.
fn varying(program: &Program, id: ExprId, varies: &[bool], moves: impl Fn(usize) -> bool) -> bool {
    let kind = &program.expr(id).kind;
    let mut found = match kind {
        ExprKind::Program(axis) => moves(*axis),
        ExprKind::LoopIndex | ExprKind::Get(_) => true,
        ExprKind::Load { place, .. } => {
            let tensor = &program.param(place.param).kind;
            !matches!(tensor, ParamKind::Tensor { access: Access::In, .. })
        }
        _ => false,
    };
    each_operand(program, kind, |operand| {
        found |=
            varies[operand.index()] || matches!(program.expr(operand).kind, ExprKind::LoopIndex);
    });
    found
}

/// What a value repeats.
fn repeated(program: &Program, mut id: ExprId) -> ExprId {
    while let ExprKind::Broadcast(of) = program.expr(id).kind {
        id = of;
    }
    id
}

/// True for 0, 1, 2 ..., whatever integers they are.
fn is_count(program: &Program, id: ExprId) -> bool {
    match program.expr(id).kind {
        ExprKind::Iota(_) => true,
        ExprKind::Cast(of) => program.expr(id).ty.dtype == DType::U32 && is_count(program, of),
        _ => false,
    }
}

/// Of positions that count up, the number that they count from, unless that is 0; `None` if they do not.
fn counted_from(program: &Program, id: ExprId) -> Option<Option<ExprId>> {
    if is_count(program, id) {
        return Some(None);
    }
    let expr = program.expr(id);
    let ExprKind::Binary(BinaryOp::Add, a, b) = expr.kind else { return None };
    let number = |id: ExprId| {
        let from = repeated(program, id);
        let single = program.expr(from).ty.shape.is_empty();
        (single && program.expr(from).ty.dtype == DType::U32).then_some(from)
    };
    let of_row = |id: ExprId| is_count(program, id) && program.expr(id).ty.shape == expr.ty.shape;
    match (of_row(a), of_row(b)) {
        (true, _) => number(b).map(Some),
        (_, true) => number(a).map(Some),
        _ => None,
    }
}

fn is_zero(program: &Program, id: ExprId) -> bool {
    matches!(program.expr(repeated(program, id)).kind, ExprKind::Const(literal) if literal.value() == 0.0)
}

/// True for an exponential over the sum of its row.
fn is_part(program: &Program, id: ExprId) -> bool {
    let ExprKind::Binary(BinaryOp::Div, part, whole) = program.expr(id).kind else { return false };
    matches!(program.expr(part).kind, ExprKind::Unary(UnaryOp::Exp, _))
        && matches!(program.expr(repeated(program, whole)).kind,
            ExprKind::Reduce(ReduceOp::Sum, of, _) if of == part)
}

/// Visits the operands of an expression, and what the body of its combine function takes from outside.
fn each_operand(program: &Program, kind: &ExprKind, mut visit: impl FnMut(ExprId)) {
    kind.operands(&mut visit);
    if let ExprKind::ReduceBy { combine, .. } | ExprKind::ScanBy { combine, .. } = kind {
        for &id in &combine.body {
            program.expr(id).kind.operands(&mut visit);
        }
        combine.results.iter().copied().for_each(visit);
    }
}
