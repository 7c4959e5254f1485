"""Run settings: edit a value, then `python main.py`. Network settings are in model/params.py.

Every name can also be given on the command line: `python main.py --batch_size 32`. `python main.py --help` lists all.
Relative folders are taken from the folder of main.py, wherever the command is given.
"""

# 1: train on the pictures in pics_dir. 0: make pictures with the best checkpoint in checkpoints_dir.
isTrain = 1  # noqa: N816

# Folder of the training pictures: pics/<class>/<n>.jpg.
pics_dir = "pics"

# Folder for the sample grids, those of training and those of sampling.
samples_dir = "samples"

# Folder for checkpoints, history.csv and the TensorBoard logs. A run goes on from what it finds here.
checkpoints_dir = "checkpoints"

# Folder for the decoded pictures, kept from run to run. What is in it can be deleted while no run is on.
cache_dir = "checkpoints/cache"

# Start a new run from the weights of another one, the best of the checkpoints in this folder: other pictures, the same
# network. '': from nothing.
init_from = ""

# --- Pictures -------------------------------------------------------------------------------------

# What is taken of a picture that is no square: 'center', its centre square; 'random', a window of that, another one
# each time; 'pad', all of it, with borders; 'stretch', all of it, out of shape.
crop = "center"

# crop = 'random': size in pixels of the square that the windows, image_size large, are taken from. 0: image_size and an
# eighth more.
load_size = 0

# Colour behind transparent pictures and of the borders of crop = 'pad': a name such as 'white', or '#rrggbb'.
background = "white"

# 1: mirror pictures left to right, half of the time at random; good where left and right do not matter. 0: never.
mirror = 0

# Stop when more than this fraction of the pictures cannot be used, from 0 to 1; up to that they are left out.
max_bad = 0.5

# --- Length of training ---------------------------------------------------------------------------

# How often every picture is shown; for many thousands, fewer do. Raise it to train a finished run further.
epochs = 300

# Stop at this step instead of after `epochs`; a step is k updates of D and one of G. 0: epochs decide.
max_steps = 0

# --- Algorithm ------------------------------------------------------------------------------------

# Pictures in each update. More are steadier, but make a step longer; lower it when memory runs out.
batch_size = 8

# Updates of the discriminator in each step, before one update of the generator; the paper of 2014 uses 1.
k = 1

# What the networks play for: 'non_saturating', the paper's of 2014; 'hinge'; 'least_squares'; or 'wasserstein', which
# needs a gradient_penalty.
loss = "non_saturating"

# Teach D that a real picture is real with probability 1 minus this, from 0 to less than 1; for 'non_saturating' and
# 'least_squares'. A little, such as 0.1, keeps D from being too sure.
label_smoothing = 0.0

# Keep D's gradients small: 'r1', those at real pictures near 0; 'wgan-gp', those between real and fake ones near 1;
# or 'none'. Either makes a step slower, and is about each picture only without d_norm = 'batch' (in model/params.py).
gradient_penalty = "none"

# How much the penalty counts: 'wgan-gp' wants 10, 'r1' from 0.1 to 10.
penalty_weight = 10.0

# Updates of D from one with the penalty to the next, which then counts so many times as much; more are quicker.
penalty_every = 1

# Show D real and fake pictures changed at random, so that it cannot learn a small set by heart: 'color', 'translation',
# 'cutout', or several with commas between them; 'none'; 'auto', where there are fewer than 20000 pictures, all three,
# for more and more of them, up to 4 in 5 from the 50th epoch on.
augment = "auto"

# Samples come from an average of G's weights; at each step it keeps this fraction of itself, and less in the first
# steps. From 0, samples come from G itself, to less than 1.
ema_decay = 0.999

# What convolutions are computed with: 'float32'; 'bfloat16'; on a GPU, 'float16'; or 'auto': bfloat16 where the
# processor has instructions for it, float16 on a GPU, else float32, and float32 when sampling. Weights, statistics,
# losses and optimizers are float32 all the same.
precision = "auto"

# How weights are updated: 'adam', 'rmsprop', 'momentum', 'sgd' or 'adagrad'.
optimizer = "adam"

# Size of an update, for both networks.
learning_rate = 0.0003

# The same for D alone. 0: learning_rate.
d_learning_rate = 0.0

# The same for G alone. 0: learning_rate.
g_learning_rate = 0.0

# Let both fall, in a straight line, to 0 at the end of the run, from when this fraction of it is done. 1: they stay.
rate_decay_from = 1.0

# adam: what the average of gradients keeps at each update, from 0 to less than 1. DCGAN needs less than the usual 0.9.
beta1 = 0.5

# adam: what the average of squared gradients keeps at each update, from 0 to less than 1.
beta2 = 0.999

# rmsprop: what the average of squared gradients keeps at each update, from 0 to less than 1.
decay = 0.9

# momentum: what the velocity keeps at each update, from 0 to less than 1.
momentum = 0.9

# adagrad: what the sums of squared gradients start from; above 0.
initial_accumulator = 0.1

# adam and rmsprop: added to the divisor against division by zero; above 0.
epsilon = 1e-8

# First weights, order of the pictures and all noise follow from this number: another one gives another run.
seed = 0

# --- What is written, and how often (in steps) ----------------------------------------------------

# Steps between two grids samples/train_<step>.png. 0: only at the start and the end.
sample_every = 100

# Pictures in such a grid; the same noise each time.
train_samples = 64

# Steps between two checkpoints. 0: only at the start and the end.
checkpoint_every = 500

# Columns of a grid, also of those that sampling makes. 0: as many as rows.
grid_columns = 0

# How many of the newest checkpoints stay.
keep_checkpoints = 3

# Checkpoints whose step is a multiple of this stay for good, such as every 1000th. 0: none.
keep_every = 0

# When losses or weights are no longer numbers: 'rollback', go back to the last checkpoint, with other noise and half
# the learning rate, three times at most; or 'stop'.
on_nan = "rollback"

# Steps between two rows of history.csv, points in TensorBoard and lines on a plain terminal.
log_every = 10

# --- Several machines (TF_CONFIG, see docs/scaling.md) ---------------------------------------------

# Seconds to wait for another worker, at the start and in any step, before giving up. Longer than the chief takes for
# measuring.
worker_timeout = 1800

# --- Measuring ------------------------------------------------------------------------------------

# Steps between two measurings of how good the samples are; they are also measured at the end. The best checkpoint is
# kept beside the newest. 0: never.
metrics_every = 500

# Samples, and as many pictures, that are compared each time.
metrics_samples = 256

# Path of the Inception network of 2015, a frozen TensorFlow graph, for FID, KID, precision and recall. '': without.
inception_graph = ""

# What the best checkpoint is chosen by: 'swd', which needs no network; 'fid' or 'kid'; 'auto', fid where
# inception_graph is named, else swd. It is the last one that is no worse than any other, as far as that can tell.
best_metric = "auto"

# --- Sampling (isTrain = 0) -----------------------------------------------------------------------

# From which checkpoint: 'best', the best one as measured; 'latest'; or a step, such as '2000'.
checkpoint = "best"

# How many pictures to make.
num_samples = 64

# 1: write each picture as a PNG of its own, beside the grid. 0: only the grid.
single = 0

# Which pictures: the same number gives the same ones.
sample_seed = 0

# conditional = 1: of which classes, by the names of their folders, such as 'role,person'. '': of all.
classes = ""

# 1: measure the checkpoint against the pictures in pics_dir, and show which of them its samples are nearest to.
evaluate = 0

# evaluate = 1: samples, and as many pictures, that are compared; published FIDs have 2048 and more.
evaluate_samples = 2048
