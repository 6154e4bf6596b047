//! Taking a fold's update apart: `acc + f(v)` is a sum of `f(v)`.

use super::Formula;
use super::functions::Function;
use super::syntax::{Infix, Node, NodeId, Prefix, ScalarType, Tree};
use tilewright_ir::ReduceOp;

/// One node on the way from the root down to the accumulator, without the operand that holds it.
enum Step {
    /// Joined with this operand; false when the operand is subtracted.
    Operand(Infix, NodeId, bool),
    /// `fma(a, b, ..)`.
    Product(NodeId, NodeId),
    /// The other arguments of `max` or `min`.
    Arguments(&'static Function, Vec<NodeId>),
}

impl Formula {
    /// The formula as `acc op f`, where `f` does not use `acc`: the op and `f`.
    ///
    /// It is found through any chain of one associative op (`acc + a * a - b`, `max(a, acc, b)`), in any order of
    /// operands. Nothing when the formula has another form: it may still be such a fold, but it does not show.
    pub(crate) fn split(&self, acc: &str) -> Option<(ReduceOp, Formula)> {
        let depends = self.tree.dependence(acc);
        let mut tree = self.tree.clone();
        let mut steps = Vec::new();
        let mut op = None;
        let mut at = tree.root;
        loop {
            let (found, step, next) = match tree.node(at) {
                Node::Variable(_) if depends[at.0] => break,
                Node::Local(of)
                | Node::Prefix(Prefix::Plus, of)
                | Node::Convert(ScalarType::Template | ScalarType::Float, of) => {
                    at = *of;
                    continue;
                }
                Node::Infix(infix, a, b) => {
                    let (holds, other) = match (depends[a.0], depends[b.0]) {
                        (true, false) => (*a, *b),
                        (false, true) if *infix != Infix::Subtract => (*b, *a),
                        _ => return None,
                    };
                    let op = match infix {
                        Infix::Add | Infix::Subtract => ReduceOp::Sum,
                        Infix::Multiply => ReduceOp::Prod,
                        Infix::And | Infix::BitAnd => ReduceOp::All,
                        Infix::Or | Infix::BitOr => ReduceOp::Any,
                        _ => return None,
                    };
                    (op, Step::Operand(*infix, other, *infix != Infix::Subtract), holds)
                }
                Node::Call(f, arguments) if f.name() == "fma" => {
                    let [a, b, c] = [arguments[0], arguments[1], arguments[2]];
                    if depends[a.0] || depends[b.0] || !depends[c.0] {
                        return None;
                    }
                    (ReduceOp::Sum, Step::Product(a, b), c)
                }
                Node::Call(f, arguments) if matches!(f.name(), "max" | "min") => {
                    let op = if f.name() == "max" { ReduceOp::Max } else { ReduceOp::Min };
                    let (holding, others): (Vec<_>, Vec<_>) =
                        arguments.iter().partition(|a| depends[a.0]);
                    let [holds] = holding.as_slice() else { return None };
                    (op, Step::Arguments(f, others), *holds)
                }
                _ => return None,
            };
            // Logical and bitwise forms of one op do not mix: the former make truth values.
            let logical = matches!(&step, Step::Operand(Infix::And | Infix::Or, ..));
            if *op.get_or_insert((found, logical)) != (found, logical) {
                return None;
            }
            steps.push(step);
            at = next;
        }
        let (op, logical) = op?;
        let mut rest = None;
        for step in steps.into_iter().rev() {
            rest = Some(tree.joined(rest, step));
        }
        let root = rest?;
        tree.root = match logical {
            true => {
                let span = tree.span(root);
                let truth = ScalarType::Exact(tilewright_ir::DType::Bool);
                tree.push(Node::Convert(truth, root), span)
            }
            false => root,
        };
        tree.forget(acc);
        Some((op, Formula { tree, ..self.clone() }))
    }

    /// The formula's value when it is a number, as `-INFINITY`.
    pub(crate) fn number(&self) -> Option<f64> {
        let mut sign = 1.0;
        let mut at = self.tree.root;
        loop {
            at = self.tree.behind(at);
            match self.tree.node(at) {
                Node::Prefix(Prefix::Minus, of) => {
                    sign = -sign;
                    at = *of;
                }
                Node::Int(value, _) => return Some(sign * *value as f64),
                Node::Float(value) => return Some(sign * value),
                _ => return None,
            }
        }
    }

    /// True if the formula is this free name and nothing else.
    pub(crate) fn is_variable(&self, name: &str) -> bool {
        match self.tree.node(self.tree.behind(self.tree.root)) {
            Node::Variable(v) => self.tree.variables[*v].0 == name,
            _ => false,
        }
    }
}

impl Tree {
    /// Takes a free name out of the variables, once no needed node uses it.
    fn forget(&mut self, name: &str) {
        let Some(gone) = self.variables.iter().position(|(n, _)| n == name) else { return };
        self.variables.remove(gone);
        for (node, _) in &mut self.nodes {
            match node {
                Node::Variable(v) if *v == gone => *node = Node::Bool(false),
                Node::Variable(v) if *v > gone => *v -= 1,
                _ => {}
            }
        }
    }

    fn push(&mut self, node: Node, span: super::error::Span) -> NodeId {
        self.nodes.push((node, span));
        NodeId(self.nodes.len() - 1)
    }

    /// What is left of one step when the accumulator is taken out of it.
    fn joined(&mut self, rest: Option<NodeId>, step: Step) -> NodeId {
        let (node, span) = match (rest, step) {
            (None, Step::Operand(_, other, true)) => return other,
            (None, Step::Operand(_, other, false)) => {
                (Node::Prefix(Prefix::Minus, other), self.span(other))
            }
            (Some(rest), Step::Operand(infix, other, _)) => {
                (Node::Infix(infix, rest, other), self.span(other))
            }
            (rest, Step::Product(a, b)) => {
                let span = self.span(a).to(self.span(b));
                let product = Node::Infix(Infix::Multiply, a, b);
                let Some(rest) = rest else { return self.push(product, span) };
                let product = self.push(product, span);
                (Node::Infix(Infix::Add, rest, product), span)
            }
            (rest, Step::Arguments(f, mut others)) => {
                let span = self.span(others[0]);
                others.extend(rest);
                if let [one] = others.as_slice() {
                    return *one;
                }
                (Node::Call(f, others), span)
            }
        };
        self.push(node, span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Option<ReduceOp> {
        Formula::parse(text).unwrap().split("acc").map(|(op, _)| op)
    }

    #[test]
    fn folds_that_show_their_op() {
        use ReduceOp::{All, Any, Max, Min, Prod, Sum};
        for (text, op) in [
            ("acc + v", Sum),
            ("v + acc", Sum),
            ("acc + v * v - 1", Sum),
            ("1 + (acc + v)", Sum),
            ("fma(v, v, acc)", Sum),
            ("T s = v * v; acc + s", Sum),
            ("(T)(acc + v)", Sum),
            ("acc * (1 + v)", Prod),
            ("max(acc, abs(v))", Max),
            ("fmax(v, acc)", Max),
            ("max(v, max(acc, 0), 1)", Max),
            ("min(acc, v)", Min),
            ("acc && v > 0", All),
            ("v > 0 || acc", Any),
            ("acc | v", Any),
        ] {
            assert_eq!(split(text), Some(op), "{text}");
        }
    }

    #[test]
    fn folds_that_do_not() {
        for text in [
            "v - acc",
            "acc",
            "v",
            "acc * 0.5 + v",
            "acc + acc + v",
            "acc + v * acc",
            "max(acc, v) + 1",
            "max(acc, acc)",
            "min(max(acc, v), 1)",
            "acc / v",
            "acc > v ? acc : v",
            "acc ^ v",
            "exp(acc)",
        ] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_chain_costs_no_stack() {
        assert_eq!(split(&format!("acc{}", " + v".repeat(15_000))), Some(ReduceOp::Sum));
    }

    #[test]
    fn numbers() {
        let number = |text: &str| Formula::parse(text).unwrap().number();
        assert_eq!(number("-INFINITY"), Some(f64::NEG_INFINITY));
        assert_eq!(number("0.0f"), Some(0.0));
        assert_eq!(number("(T)1"), Some(1.0));
        assert_eq!(number("-(2)"), Some(-2.0));
        assert_eq!(number("D"), None);
    }
}
