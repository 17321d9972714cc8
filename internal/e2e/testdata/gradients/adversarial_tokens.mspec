// Adversarial embeddings of DNA: 4 letters, 60 positions, so that work on embeddings could be done
// in their table.
import "std/nn"
import "std/modality"

modality dna = tokens(4, 12) {
    data genomics()
}

model adversarial(m: modality) {
    set batch = 5, width = 6, eps = 0.5

    fn error(e, x) {
        let h      = gelu((l1: linear(e, width)))
        let logits = l2: linear(mean(h, 1), 4)
        return mean(cross_entropy(logits, x[:, 0])) + 0.01 * mean(e * e)
    }

    objective(x) {
        param table [4, width] = normal(0.5)
        let e     = embedding(table, x)
        let clean = error(e, x)
        let g     = grad(batch * clean, e)
        report clean = clean, norm = sum(g * g)
        return clean + error(e + eps * g, x)
    }
}
