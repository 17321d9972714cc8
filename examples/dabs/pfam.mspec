// Pfam: 128 residues of proteins; short ones are filled up with X, which is token 0. Transfer
// to the families of Pfam, the folds of SCOP, the secondary structure at every residue, and
// the measured stability and fluorescence of variants (TAPE).

import "../metamae"

modality pfam = tokens(vocab: 26, length: 128) {
    data sequences(train: "pfam/pfam_pretrain_train.csv", test: "pfam/pfam_pretrain_val.csv", label: "clan", kind: "rank")
    task "pfam" {
        data sequences(train: "pfam/pfam_transfer.csv", label: "clan", kind: "rank", ranks_of: "pfam/pfam_pretrain_train.csv")
    }
    task "scop" {
        data sequences(train: "pfam/transfer/remote_homology_train.csv", test: "pfam/transfer/remote_homology_valid.csv",
            label: "fold_label", classes: 1195)
    }
    task "secondary-structure" {
        data sequences(train: "pfam/transfer/secondary_structure_train.csv", test: "pfam/transfer/secondary_structure_valid.csv",
            label: "ss3", kind: "tokens", classes: 3)
    }
    task "stability" {
        data sequences(train: "pfam/transfer/stability_train.csv", test: "pfam/transfer/stability_valid.csv",
            label: "stability_score", kind: "number")
        metric "spearman"
    }
    task "fluorescence" {
        data sequences(train: "pfam/transfer/fluorescence_train.csv", test: "pfam/transfer/fluorescence_valid.csv",
            label: "log_fluorescence", kind: "number")
        metric "spearman"
    }
    set batch = 128, mask_ratio = 0.5
}
