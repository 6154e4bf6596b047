//! Spellings that overflow or cancel, recorded as the stable op that they spell.
//!
//! | written | recorded |
//! |---|---|
//! | `log(1 + exp(a))` | `softplus(a)` |
//! | `log(1 + a)` | `log1p(a)` |
//! | `log(exp(a) + exp(b))` | `logaddexp(a, b)` |
//! | `exp(a) - 1` | `expm1(a)` |
//! | `b / (1 + exp(-a))` | `b * sigmoid(a)` |
//! | `b / (1 + exp(a))` | `b * sigmoid(-a)` |
//!
//! As written, the gradient of the first is inf / inf from a = 89 on, and its value is 0 below a = -17.

use super::syntax::{Infix, Node, NodeId, Prefix, Tree};

/// How a node is recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// As it is written.
    Written,
    Softplus(NodeId),
    Log1p(NodeId),
    LogAddExp(NodeId, NodeId),
    Expm1(NodeId),
    /// `over * sigmoid(of)`, or of `-of`; without `over` it is 1.
    Sigmoid {
        over: Option<NodeId>,
        of: NodeId,
        negated: bool,
    },
}

impl Form {
    /// Calls `visit` with each operand of the node in this form.
    pub fn operands(self, node: &Node, mut visit: impl FnMut(NodeId)) {
        match self {
            Form::Written => node.operands(visit),
            Form::Softplus(of) | Form::Log1p(of) | Form::Expm1(of) => visit(of),
            Form::LogAddExp(a, b) => [a, b].into_iter().for_each(visit),
            Form::Sigmoid { over, of, .. } => {
                over.into_iter().for_each(&mut visit);
                visit(of);
            }
        }
    }
}

/// The form in which `id` is recorded.
pub(super) fn form(tree: &Tree, id: NodeId) -> Form {
    match tree.node(id) {
        Node::Call(f, arguments) if f.name() == "log" => match one_plus(tree, arguments[0]) {
            None => {
                powers(tree, arguments[0]).map_or(Form::Written, |[a, b]| Form::LogAddExp(a, b))
            }
            Some(rest) => match exponent(tree, rest) {
                Some(of) => Form::Softplus(of),
                None => Form::Log1p(rest),
            },
        },
        Node::Infix(Infix::Subtract, a, b) if is_one(tree, *b) => {
            exponent(tree, *a).map_or(Form::Written, Form::Expm1)
        }
        Node::Infix(Infix::Divide, over, under) => {
            let Some(of) = one_plus(tree, *under).and_then(|rest| exponent(tree, rest)) else {
                return Form::Written;
            };
            let over = (!is_one(tree, *over)).then_some(*over);
            match tree.node(tree.behind(of)) {
                Node::Prefix(Prefix::Minus, of) => Form::Sigmoid { over, of: *of, negated: false },
                _ => Form::Sigmoid { over, of, negated: true },
            }
        }
        _ => Form::Written,
    }
}

fn is_one(tree: &Tree, id: NodeId) -> bool {
    match tree.node(tree.behind(id)) {
        Node::Int(value, _) => *value == 1,
        Node::Float(value) => *value == 1.0,
        _ => false,
    }
}

/// What is added to 1.
fn one_plus(tree: &Tree, id: NodeId) -> Option<NodeId> {
    match tree.node(tree.behind(id)) {
        Node::Infix(Infix::Add, a, b) if is_one(tree, *a) => Some(*b),
        Node::Infix(Infix::Add, a, b) if is_one(tree, *b) => Some(*a),
        _ => None,
    }
}

/// `a` and `b` of `exp(a) + exp(b)`.
fn powers(tree: &Tree, id: NodeId) -> Option<[NodeId; 2]> {
    match tree.node(tree.behind(id)) {
        Node::Infix(Infix::Add, a, b) => Some([exponent(tree, *a)?, exponent(tree, *b)?]),
        _ => None,
    }
}

/// `a` of `exp(a)`.
fn exponent(tree: &Tree, id: NodeId) -> Option<NodeId> {
    match tree.node(tree.behind(id)) {
        Node::Call(f, arguments) if f.name() == "exp" => Some(arguments[0]),
        _ => None,
    }
}
