//! AVX-512: a choice and what it chooses as one instruction, which leaves out the lanes where the choice is another.

use super::assemble::{Masked, Source, commutes, plain};
use super::graph::{Graph, Op, Plain, Value, operands};
use super::registers::{Do, Full, Place, Run};
use tilewright_ir::table::HashMap;

/// The same steps, with the choices of what nothing else uses together with it.
pub(super) fn together(graph: &Graph, usual: bool, steps: Vec<Do>) -> Vec<Do> {
    if graph.narrow {
        return steps;
    }
    let resolve = |value| Run::resolve(graph, usual, value);
    let mut uses: HashMap<Value, usize> = HashMap::default();
    let (mut computed, mut totals) = (Vec::new(), Vec::new());
    for step in &steps {
        let mut note = |value| *uses.entry(resolve(value)).or_default() += 1;
        match *step {
            Do::Compute(value) => {
                computed.push(value);
                operands(&graph.node(value)).for_each(note);
            }
            Do::Store(value, _) | Do::Home(value, _) => note(value),
            Do::Total(total, next) => {
                note(next);
                totals.extend([total, resolve(next)]);
            }
            Do::Masked(..) | Do::Reload(..) => {}
        }
    }
    let chosen = |choice: Value| {
        let [_, chosen, other] = graph.node(choice).of;
        let (chosen, other) = (resolve(chosen), resolve(other));
        let alone = uses.get(&chosen) == Some(&1) && computed.contains(&chosen);
        let simple = matches!(graph.node(chosen).op, Op::Plain(op) if op != Plain::LookUp);
        let total = [choice, other].iter().any(|value| totals.contains(value));
        (alone && simple && !total).then_some(chosen)
    };
    let mut pairs: HashMap<Value, Value> = HashMap::default();
    for &value in &computed {
        if graph.node(value).op == Op::Select
            && let Some(chosen) = chosen(value)
        {
            pairs.insert(value, chosen);
        }
    }
    let gone: Vec<Value> = pairs.values().copied().collect();
    let steps = steps.into_iter().filter_map(|step| match step {
        Do::Compute(value) if gone.contains(&value) => None,
        Do::Compute(value) => match pairs.get(&value) {
            Some(&chosen) => Some(Do::Masked(value, chosen)),
            None => Some(step),
        },
        _ => Some(step),
    });
    steps.collect()
}

impl Run<'_> {
    pub(super) fn masked(&mut self, choice: Value, chosen: Value) -> Result<(), Full> {
        let resolved = |value| if value == Value::NONE { value } else { self.resolved(value) };
        let [mask, _, other] = self.graph.node(choice).of.map(resolved);
        let [a, b, _] = self.graph.node(chosen).of.map(resolved);
        let Op::Plain(op) = self.graph.node(chosen).op else { return Err(Full) };
        let (mut vectors, mut masks) = (0, 0);
        let mask_register = self.mask_of(mask, &mut masks)?;
        let (encoding, sources) = plain(op);
        let (first, last) = match sources {
            1 => (0, self.source(a)),
            _ if matches!(self.source(a), Source::Register(_)) || !commutes(op) => {
                (self.register(a, &mut vectors)?, self.source(b))
            }
            _ => (self.register(b, &mut vectors)?, self.source(a)),
        };
        let zero = self.graph.node(other).op == Op::Const(0);
        let to = match self.dying(other) {
            Some(register) => {
                self.places[other.index()] = Place::Nowhere;
                Some(register)
            }
            None if zero => None,
            None => {
                let register = self.vector()?;
                self.fill(register, self.source(other), Masked::default());
                Some(register)
            }
        };
        self.release(&[mask, a, b, other]);
        self.vectors |= vectors;
        self.masks |= masks;
        let to = match to {
            Some(register) => register,
            None => self.vector()?,
        };
        let masked = Masked { mask: mask_register, zero };
        self.out.vector(encoding, to, first, last, self.out.width(), masked);
        self.places[choice.index()] = Place::Vector { register: to, pinned: false };
        Ok(())
    }
}
