//! How well a model predicts tokens.

use tilewright_nn::{Error, Logits, Model, Result};

/// Tokens whose logits are looked at together: those of a large vocabulary take a megabyte each.
const CHUNK: usize = 64;

/// The perplexity of `tokens` under `logits`, those after each of them `[tokens, vocabulary]`: e to the mean of
/// -ln p of each token but the first. `None` for less than two tokens.
pub fn perplexity(logits: &[f32], tokens: &[u32]) -> Option<f64> {
    let vocabulary = logits.len() / tokens.len().max(1);
    // The row after the last token has nothing to compare with.
    let pairs = logits.chunks(vocabulary.max(1)).zip(tokens.get(1..)?);
    let surprises = pairs.map(|(row, id)| surprise(row, *id)).collect::<Option<Vec<f64>>>()?;
    let mean = surprises.iter().sum::<f64>() / surprises.len() as f64;
    (!surprises.is_empty()).then(|| mean.exp())
}

/// -ln p of every token but the first, each after all before it.
///
/// # Errors
/// When the tokens do not fit the model's context or vocabulary, the device fails, or logits are not numbers.
pub fn surprises(model: &Model, tokens: &[u32]) -> Result<Vec<f64>> {
    let context = model.shape().context;
    if tokens.len() > context {
        let what = format!("{} tokens do not fit the model's context of {context}", tokens.len());
        return Err(Error::usage(what).help("give fewer tokens, or a longer context"));
    }
    let mut cache = model.cache(1, tokens.len())?;
    let mut found = Vec::with_capacity(tokens.len());
    // The last token predicts nothing.
    let read = &tokens[..tokens.len().saturating_sub(1)];
    for (chunk, following) in
        read.chunks(CHUNK).zip(tokens.get(1..).unwrap_or_default().chunks(CHUNK))
    {
        let logits = model.prefill(&mut cache, 0, chunk, Logits::All)?;
        let logits = logits.ok_or_else(|| Error::failure("the model gave no logits"))?;
        let rows = logits.to_vec::<f32>()?;
        for (row, id) in rows.chunks(model.shape().vocabulary).zip(following) {
            match surprise(row, *id) {
                Some(surprise) if surprise.is_finite() => found.push(surprise),
                Some(_) => return Err(tilewright_nn::not_numbers(found.len() + 1)),
                None => return Err(Error::usage(format!("token {id} is not of the vocabulary"))),
            }
        }
    }
    Ok(found)
}

/// -ln p of a token.
fn surprise(row: &[f32], id: u32) -> Option<f64> {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
    let sum: f64 = row.iter().map(|x| (*x as f64 - most).exp()).sum();
    Some(most + sum.ln() - *row.get(id as usize)? as f64)
}
