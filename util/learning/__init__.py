"""Training of whatever network: the one folder of `util` that may import torch.

What is particular to a network (losses, batches, validation) is handed in as a `Task`; the rest is
the same few lines for all, in one process or several, new or gone on with:

    fabric = build_fabric(device, precision)
    fabric.launch()
    run_folder = RunFolder(path, {"settings": settings}, config_values)
    run_folder.check(overwrite)
    with holding(run_folder, fabric):
        state = run_folder.read_state(overwrite)
        trainer = Trainer(fabric, model, loop_settings, task, run_folder)
        if state is not None:
            trainer.resume(state)
        with recording(run_folder, fabric, mode, project) as record:
            trainer.fit(record)
            trainer.conclude()

Settings go by their names alone in errors, since they may be of any section of the config.
"""
