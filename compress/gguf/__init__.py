"""GGUF files of a model: what is checked before one is made (`source`), what weighs its columns (`imatrix`), what its
source says (`reference`), and how far what was made says the same (`agreement`)."""
