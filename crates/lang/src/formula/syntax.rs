//! The syntax tree: an arena whose nodes come after their operands, so that nothing that walks it recurses and a
//! deep formula costs no stack.

use super::error::Span;
use super::functions::Function;
use tilewright_ir::DType;

/// Index of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(super) usize);

/// A scalar type, as formulas spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarType {
    /// `T`: the integer type of the inputs if all are integers, else the float of arithmetic.
    Template,
    /// `float`: the type of arithmetic.
    Float,
    /// `half`, `bfloat`: values are rounded to it; arithmetic goes on in the type above.
    Rounded(DType),
    /// An integer type or bool.
    Exact(DType),
}

/// A prefix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    Plus,
    Minus,
    /// Bitwise.
    Complement,
    /// Logical.
    Not,
}

/// An infix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Infix {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    ShiftLeft,
    ShiftRight,
    BitAnd,
    BitOr,
    BitXor,
    And,
    Or,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Infix {
    pub fn is_comparison(self) -> bool {
        use Infix::*;
        matches!(self, Equal | Unequal | Less | LessOrEqual | Greater | GreaterOrEqual)
    }

    pub fn is_bitwise(self) -> bool {
        matches!(self, Infix::BitAnd | Infix::BitOr | Infix::BitXor)
    }
}

/// One step of a formula.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A whole number, i32 or u32.
    Int(i64, DType),
    Float(f64),
    Bool(bool),
    /// A free name: index into [`Tree::variables`].
    Variable(usize),
    /// A name that the formula gave a value.
    Local(NodeId),
    Prefix(Prefix, NodeId),
    Infix(Infix, NodeId, NodeId),
    /// `condition ? yes : no`.
    Conditional(NodeId, NodeId, NodeId),
    Convert(ScalarType, NodeId),
    /// `as_type<..>(x)`: the same bits.
    Reinterpret(ScalarType, NodeId),
    Call(&'static Function, Vec<NodeId>),
}

impl Node {
    /// Calls `visit` with each operand, in order.
    pub fn operands(&self, mut visit: impl FnMut(NodeId)) {
        match self {
            Node::Int(..) | Node::Float(_) | Node::Bool(_) | Node::Variable(_) => {}
            Node::Local(a) | Node::Prefix(_, a) | Node::Convert(_, a) | Node::Reinterpret(_, a) => {
                visit(*a)
            }
            Node::Infix(_, a, b) => [*a, *b].into_iter().for_each(visit),
            Node::Conditional(a, b, c) => [*a, *b, *c].into_iter().for_each(visit),
            Node::Call(_, arguments) => arguments.iter().copied().for_each(visit),
        }
    }
}

/// A parsed formula.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(super) nodes: Vec<(Node, Span)>,
    /// Free names in order of first appearance, each with that place.
    pub(super) variables: Vec<(String, Span)>,
    /// The formula's value.
    pub(super) root: NodeId,
}

impl Tree {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0].0
    }

    pub(super) fn span(&self, id: NodeId) -> Span {
        self.nodes[id.0].1
    }

    /// The node behind names and conversions to the type of arithmetic, which do not change a float's value.
    pub fn behind(&self, mut id: NodeId) -> NodeId {
        loop {
            match self.node(id) {
                Node::Local(of) => id = *of,
                Node::Convert(ScalarType::Float | ScalarType::Template, of) => id = *of,
                Node::Prefix(Prefix::Plus, of) => id = *of,
                _ => return id,
            }
        }
    }

    /// For each node, whether it depends on the free name `name`.
    pub fn dependence(&self, name: &str) -> Vec<bool> {
        let variable = self.variables.iter().position(|(n, _)| n == name);
        let mut depends: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for (node, _) in &self.nodes {
            let mut any = matches!(node, Node::Variable(v) if Some(*v) == variable);
            node.operands(|id| any |= depends[id.0]);
            depends.push(any);
        }
        depends
    }
}
