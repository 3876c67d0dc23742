"""Knowledge distillation: rows as tokens, a student cut out of its teacher, and the training of it."""
