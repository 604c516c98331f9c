#!/usr/bin/env bash
# An example: a step of any chain on a cluster. Submit the steps from the repository's root in the
# order of the Makefile, each after the one before it has ended, such as those of road scenes:
#   sbatch --ntasks=4 slurm_job.sh teacher/maskomaly/train_mask2former.py --config my/large.json
#   sbatch slurm_job.sh teacher/maskomaly/inlier_queries.py --config my/large.json
#   sbatch slurm_job.sh teacher/maskomaly/outlier_queries.py --config my/large.json
#   sbatch --ntasks=8 slurm_job.sh teacher/soft_label_generation.py --config my/large.json
#   sbatch --gpus-per-task=0 slurm_job.sh analysis/pixel_evaluation.py --config my/large.json
#   sbatch --gpus-per-task=0 slurm_job.sh analysis/heatmaps.py --config my/large.json
# and of smoke:
#   sbatch --ntasks=4 slurm_job.sh teacher/cam/train_classifier.py --config my/smoke.json
#   sbatch --ntasks=8 slurm_job.sh teacher/soft_label_generation.py --config my/smoke.json
#   sbatch --ntasks=8 --gpus-per-task=0 slurm_job.sh teacher/novelty/mark_novelty.py --config my/smoke.json
#   sbatch --ntasks=8 --gpus-per-task=0 slurm_job.sh util/refinement/refine_label_set.py --config my/smoke.json
#   sbatch --ntasks=4 slurm_job.sh student/train.py --config my/smoke.json
# Several tasks train one network together, or share the images. Submit a step again after a time
# limit: it goes on where it was.
#SBATCH --job-name=murmuration
#SBATCH --ntasks=1
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --mem-per-cpu=4G
#SBATCH --time=24:00:00
set -euo pipefail
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-8}"
exec srun .venv/bin/python "$@"
