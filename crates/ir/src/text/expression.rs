//! Parsing the right-hand side of a `%` line.

use super::ParseError;
use super::parser::Parser;
use super::printer::default_fill;
use crate::{BinaryOp, Combine, Expr, ExprId, ExprKind, ReduceOp, TernaryOp, Type, UnaryOp};

type Result<T> = std::result::Result<T, ParseError>;

impl Parser<'_> {
    /// `%3 name: type = expression`.
    pub(super) fn labelled_expression(&mut self) -> Result<ExprId> {
        let at = self.here();
        let label = self.fresh_label()?;
        let name = self.optional_name("")?;
        self.expect(":")?;
        let ty = self.ty()?;
        self.expect("=")?;
        let kind = self.expression(&ty)?;
        Ok(self.define(label, Expr { kind, ty, at, name }))
    }

    fn expression(&mut self, ty: &Type) -> Result<ExprKind> {
        let unknown = self.unexpected("an op");
        let op = self.word("an op")?;
        Ok(match op {
            "const" => ExprKind::Const(self.literal()?),
            "scalar" => ExprKind::Scalar(self.param()?),
            "size" => ExprKind::Size(self.extent()?),
            "program" => ExprKind::Program(self.integer("grid axis")?),
            "iota" => ExprKind::Iota(self.extent()?),
            "cast" => ExprKind::Cast(self.value()?),
            "bitcast" => ExprKind::Bitcast(self.value()?),
            "broadcast" => ExprKind::Broadcast(self.value()?),
            "reshape" => ExprKind::Reshape(self.value()?),
            "transpose" => {
                let of = self.value()?;
                self.expect("[")?;
                let mut order = Vec::new();
                if !self.accept("]")? {
                    order = self.list(|parser| parser.integer("axis"))?;
                    self.expect("]")?;
                }
                ExprKind::Transpose(of, order)
            }
            "slice" => {
                let (of, axis) = (self.value()?, self.axis_number()?);
                self.expect("from")?;
                ExprKind::Slice { of, axis, start: self.extent()? }
            }
            "concat" => {
                let parts = self.list(Self::value)?;
                ExprKind::Concat(parts, self.axis_number()?)
            }
            "pick" => {
                let (of, indices) = self.pair()?;
                ExprKind::Pick { of, indices }
            }
            "dot" => {
                let (a, b) = self.pair()?;
                ExprKind::Dot(a, b)
            }
            "argmax" | "argmin" => {
                let (of, axis) = (self.value()?, self.axis_number()?);
                ExprKind::ArgReduce { max: op == "argmax", of, axis }
            }
            "reduce_by" => {
                let of = self.list(Self::value)?;
                let axis = self.axis_number()?;
                self.expect("from")?;
                let identity = self.list(Self::value)?;
                ExprKind::ReduceBy { of, axis, combine: self.combine()?, identity }
            }
            "scan_by" => {
                let of = self.list(Self::value)?;
                let axis = self.axis_number()?;
                let exclusive = match self.accept("exclusive")? {
                    true => Some(self.list(Self::value)?),
                    false => None,
                };
                let reverse = self.accept("reverse")?;
                ExprKind::ScanBy { of, axis, combine: self.combine()?, exclusive, reverse }
            }
            "topk" => {
                let of = self.value()?;
                self.expect("k")?;
                ExprKind::TopK { of, k: self.integer("number of elements")? }
            }
            "part" => {
                let of = self.value()?;
                self.expect("number")?;
                ExprKind::Part(of, self.integer("number of a result")?)
            }
            "unpack" => {
                let of = self.value()?;
                self.expect("bits")?;
                let bits = self.integer("number of bits")?;
                ExprKind::Unpack { of, bits: u32::try_from(bits).unwrap_or(u32::MAX) }
            }
            "get" => ExprKind::Get(self.variable()?),
            "load" => {
                let place = self.place()?;
                let fill = match self.accept("fill")? {
                    true => self.literal()?,
                    false => default_fill(ty.dtype),
                };
                ExprKind::Load { place, fill }
            }
            _ => return self.table_op(op, unknown),
        })
    }

    /// An op that the tables name.
    fn table_op(&mut self, name: &str, unknown: ParseError) -> Result<ExprKind> {
        if let Some(op) = UnaryOp::parse(name) {
            return Ok(ExprKind::Unary(op, self.value()?));
        }
        if let Some(op) = BinaryOp::parse(name) {
            let (a, b) = self.pair()?;
            return Ok(ExprKind::Binary(op, a, b));
        }
        if let Some(op) = TernaryOp::parse(name) {
            let (a, b) = self.pair()?;
            self.expect(",")?;
            return Ok(ExprKind::Ternary(op, [a, b, self.value()?]));
        }
        if let Some(op) = name.strip_prefix("reduce_").and_then(ReduceOp::parse) {
            let of = self.value()?;
            return Ok(ExprKind::Reduce(op, of, self.axis_number()?));
        }
        if let Some(op) = name.strip_prefix("scan_").and_then(ReduceOp::parse) {
            let (of, axis) = (self.value()?, self.axis_number()?);
            let (exclusive, reverse) = (self.accept("exclusive")?, self.accept("reverse")?);
            return Ok(ExprKind::Scan { op, of, axis, exclusive, reverse });
        }
        Err(unknown)
    }

    fn pair(&mut self) -> Result<(ExprId, ExprId)> {
        let first = self.value()?;
        self.expect(",")?;
        Ok((first, self.value()?))
    }

    fn axis_number(&mut self) -> Result<usize> {
        self.expect("axis")?;
        self.integer("axis")
    }

    /// `(%1: f32; %2: f32) { .. yield %3 }`.
    fn combine(&mut self) -> Result<Combine> {
        self.deepen()?;
        self.expect("(")?;
        let left = self.list(Self::argument)?;
        self.expect(";")?;
        let right = self.list(Self::argument)?;
        self.expect(")")?;
        self.expect("{")?;
        let mut body = Vec::new();
        while !self.accept("yield")? {
            body.push(self.labelled_expression()?);
        }
        let results = self.list(Self::value)?;
        self.expect("}")?;
        self.surface();
        Ok(Combine { left, right, body, results })
    }

    fn argument(&mut self) -> Result<ExprId> {
        let at = self.here();
        let label = self.fresh_label()?;
        let name = self.optional_name("")?;
        self.expect(":")?;
        let ty = self.ty()?;
        Ok(self.define(label, Expr { kind: ExprKind::Argument, ty, at, name }))
    }
}
