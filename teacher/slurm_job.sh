#!/usr/bin/env bash
# An example: label with 8 processes, a GPU each. Submit it from the repository's root:
#   sbatch teacher/slurm_job.sh --config my/config.json
# The processes share the images; the last one to be ready finishes the label sets. Submit the whole
# array again after failures or a time limit: finished images are kept.
#SBATCH --job-name=murmuration-teacher
#SBATCH --array=0-7
#SBATCH --gpus-per-task=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=32G
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-4}"
# exec, so that the signal before the time limit reaches Python, which finishes its image.
exec .venv/bin/python teacher/soft_label_generation.py "$@"
