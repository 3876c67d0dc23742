"""Every checkpoint that a training writes, evaluated, gated and recorded once.

    find(Path("out"))                    -> [Checkpoint(path=out/checkpoint-10, kind="hf", step=10), ..]
    lacking(checkpoint)                  -> "model.safetensors has 50 of 9,204 bytes", or "" when it is whole
    Watch(..).look()                     -> [Watched(checkpoint-10, "FAIL", ..)]: what was new and whole

Rooms: `checkpoints` finds them, `whole` tells a half-written one, `judging` evaluates and gates one, `watch` keeps the
order and the memory. `callback` does the same inside a training of transformers, on the weights in memory.
"""
