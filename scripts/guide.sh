#!/bin/sh
# guide.sh NETC FIGURE WORKDIR [PAGE ...] - the runs of docs/guide/, its figures and the output of the commands in it: make guide.
#
# Pages are named without .md; all of them unless given. They learn from the first 6,000 pictures of Fashion-MNIST and are tested on the first
# 2,000: enough to see an effect, and quick. Results are the same on every machine with AVX2, for any number of threads.
# What pages show of them is put in by scripts/refresh.awk.
set -eu
if [ $# -lt 3 ]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
netc=$(realpath "$1")
figure=$(realpath "$2")
mkdir -p "$3/fashion"
work=$(realpath "$3")
shift 3
cd "$(dirname "$0")/.."
guide=$PWD/docs/guide
threads=${THREADS:-2}
full=/usr/share/datasets/fashion-mnist
if [ ! -f $full/train-images-idx3-ubyte.gz ]; then
    echo "Fashion-MNIST is not in $full. On Debian, as root: apt-get install dataset-fashion-mnist" >&2
    exit 1
fi

# first FILE HEADER BYTES N: of an idx file with so many bytes before the samples and in each, the first N. Bytes 5 to 8 are their
# number, the highest byte first.
first() {
    [ ! -f "$work/fashion/$1" ] || return 0
    gzip -dc "$full/$1.gz" >"$work/whole"
    {
        head -c 4 "$work/whole"
        # shellcheck disable=SC2059 # the format is the four bytes
        printf "$(printf '\\000\\000\\%03o\\%03o' $(($4 / 256)) $(($4 % 256)))"
        head -c $(($2 + $3 * $4)) "$work/whole" | tail -c +9
    } >"$work/fashion/$1"
    rm "$work/whole"
}
first train-images-idx3-ubyte 16 784 6000
first train-labels-idx1-ubyte 8 1 6000
first t10k-images-idx3-ubyte 16 784 2000
first t10k-labels-idx1-ubyte 8 1 2000

# run NAME MODEL [-D name=value ...] [-- ARGUMENTS OF train]: trains into WORKDIR/NAME; nothing where that is done already for the
# same program.
run() {
    name=$1 model=$2
    shift 2
    defines=
    while [ $# -gt 0 ] && [ "$1" = -D ]; do
        defines="$defines -D $2"
        shift 2
    done
    [ $# -eq 0 ] || shift
    # shellcheck disable=SC2086 # -D and its words have no blanks
    "$netc" build $defines "$model" -o "$work/$name.new"
    if [ -f "$work/$name/done" ] && cmp -s "$work/$name.new" "$work/$name.exe"; then
        rm "$work/$name.new"
        return
    fi
    mv "$work/$name.new" "$work/$name.exe"
    data=
    grep -q spiral "$model" || data="--data $work/fashion"
    # shellcheck disable=SC2086
    (cd "$work" && "./$name.exe" train --plain --no-report --threads "$threads" --out "$name" $data "$@") >"$work/$name.out" 2>"$work/$name.err" || {
        tail -n 3 "$work/$name.err" >&2 # a run that blows up is an example of that
        [ -s "$work/$name/log.jsonl" ] || exit 1
    }
    : >"$work/$name/done"
    echo "$name: $(sed -n 's/^test *//p' "$work/$name.out" | tail -n 1)"
}

# series FIELD NAME=RUN ...: the arguments of `figure`
series() {
    field=$1
    shift
    for pair; do
        echo "${pair%%=*}=$work/${pair#*=}/log.jsonl:$field"
    done
}

# table NAME HEADING LABEL=RUN ...: the best epoch's figures of runs, and those of the test part, as a Markdown table
table() {
    name=$1 heading=$2
    shift 2
    {
        echo
        echo "| $heading | training loss | validation loss | test accuracy | best epoch |"
        echo "|---|---|---|---|---|"
        for pair; do
            run=$work/${pair##*=}
            best=$(sed -n 's/^best *epoch *\([0-9]*\).*/\1/p' "$run.out")
            accuracy=$(sed -n 's/^test.*accuracy \([0-9.]*%\).*/\1/p' "$run.out")
            sed -n "${best:-1}p" "$run/log.jsonl" | sed 's/.*"train_loss":\([^,]*\),.*"val_loss":\([^,]*\),.*/\1 \2/' |
                awk -v label="${pair%=*}" -v accuracy="$accuracy" -v best="$best" '{ printf "| %s | %.3f | %.3f | %s | %s |\n", label, $1, $2, accuracy, best }'
        done
        echo
    } >"$work/$name.txt"
}

# ---- pages ----

page_backpropagation() {
    model=$guide/spiral_descent.net
    for rate in 0.003 0.3 8; do
        run "descent_$rate" "$model" -D rate=$rate
    done
    # shellcheck disable=SC2046 # a word a series
    "$figure" "$guide/rates.svg" "the learning rate" epoch "training loss" ylog $(series train_loss 0.003=descent_0.003 0.3=descent_0.3 8=descent_8)
    for size in 1 240; do
        run "descent_batch_$size" "$model" -D size=$size -D rate=0.1
    done
    run descent_batch_32 "$model" -D rate=0.1
    # shellcheck disable=SC2046
    "$figure" "$guide/batches.svg" "samples of a step, at one rate" epoch "training loss" ylog \
        $(series train_loss 1=descent_batch_1 32=descent_batch_32 all=descent_batch_240)
    run descent_mse "$model" -D judged=mse
    # shellcheck disable=SC2046
    "$figure" "$guide/losses.svg" "sigmoid outputs, judged by" epoch "validation accuracy" \
        $(series val_accuracy mse=descent_mse binary_cross_entropy=descent_0.3)
}

page_activations() {
    for activation in sigmoid tanh relu "leaky_relu(0.1)" elu selu "swish" prelu gelu; do
        name=deep_${activation%%(*}
        law=he_normal
        case $activation in
        sigmoid | tanh) law=xavier_normal ;;
        selu) law=lecun_normal ;;
        esac
        sed "s/dense(64) -> relu/dense(64) -> $activation/; s/deep_activations/$name/" "$guide/deep_activations.net" >"$work/$name.net"
        run "$name" "$work/$name.net" -D law=$law
    done
    # shellcheck disable=SC2046
    "$figure" "$guide/activations.svg" "eight hidden layers, each with" epoch "training loss" ylog \
        $(series train_loss sigmoid=deep_sigmoid tanh=deep_tanh relu=deep_relu leaky_relu=deep_leaky_relu elu=deep_elu selu=deep_selu swish=deep_swish gelu=deep_gelu)
    table activations activation sigmoid=deep_sigmoid tanh=deep_tanh relu=deep_relu "leaky_relu(0.1)=deep_leaky_relu" prelu=deep_prelu \
        elu=deep_elu selu=deep_selu swish=deep_swish gelu=deep_gelu
}

page_convolution() {
    run windows "$guide/windows.net"
    run dense_only "$guide/dense_only.net"
    # shellcheck disable=SC2046
    "$figure" "$guide/windows.svg" "loss on the validation part" epoch loss $(series val_loss windows.net=windows dense_only.net=dense_only)
    table windows network windows.net=windows dense_only.net=dense_only
    "$netc" graph --format svg examples/lenet5.net >"$guide/lenet5.svg"
}

page_data() {
    for prepared in none center_image standardize whiten; do
        run "prepared_$prepared" "$guide/preprocessing.net" -D prepared=$prepared
    done
    # shellcheck disable=SC2046
    "$figure" "$guide/preprocessing.svg" "inputs as they are, and prepared" epoch "training loss" \
        $(series train_loss none=prepared_none center_image=prepared_center_image standardize=prepared_standardize whiten=prepared_whiten)
    model=$guide/regularised.net
    run plain "$model"
    run dropout "$model" -D drop=0.25
    run decay "$model" -D decay=0.001
    run mirror "$model" -D 'changes=[mirror]'
    run labels "$model" -D wrong_labels=0.1
    # shellcheck disable=SC2046
    "$figure" "$guide/regularised.svg" "loss on the validation part" epoch loss most=1.2 \
        $(series val_loss nothing=plain dropout=dropout weight_decay=decay augment=mirror disturb_label=labels) dashed \
        $(series train_loss training=plain)
    table regularised with nothing=plain "dropout(0.25)=dropout" weight_decay=0.001=decay augment=[mirror]=mirror disturb_label=10%=labels
}

# What a program prints, as a block, without the table of classes: quoted NAME COMMAND ...
quoted() {
    name=$1
    shift
    {
        echo '```'
        (cd "$work" && "$@" 2>/dev/null) | sed '/^class  *samples/,/^$/d' | sed '${/^$/d;}'
        echo '```'
    } >"$work/$name.txt"
}

page_committees() {
    run committee "$guide/windows.net" -- --members 5
    quoted members ./committee.exe eval --weights committee --data fashion
    quoted rejection ./committee.exe eval --weights committee/member1 --data fashion --rejection --svg "$guide/rejection.svg"
}

page_training() {
    for law in "normal(0.01)" "normal(1)" xavier_fan_in he_normal; do
        "$netc" build -D "law=$law" "$guide/initialisation.net" -o "$work/initialisation.exe"
        echo "$law" >"$work/initialisation.$law"
        (cd "$work" && ./initialisation.exe stats --random 1000 2>/dev/null) | awk '$2 == "dense" && $4 == "tanh" { print $7 }' >>"$work/initialisation.$law"
    done
    {
        echo
        paste -d '|' "$work/initialisation.normal(0.01)" "$work/initialisation.normal(1)" "$work/initialisation.xavier_fan_in" "$work/initialisation.he_normal" |
            awk -F '|' '{ printf "| %s |", NR == 1 ? "layer" : NR - 1; for (i = 1; i <= NF; i++) printf " %s |", NR == 1 ? "`" $i "`" : $i; print ""
                          if (NR == 1) print "|---|---|---|---|---|" }'
        echo
    } >"$work/initialisation.txt"

    for rule in "sgd(lr=0.1)" "momentum(lr=0.1)" "nesterov(lr=0.1)" "adagrad(lr=0.1)" "rmsprop(lr=0.01)" "adam(lr=0.01)"; do
        run "rule_${rule%%(*}" "$guide/optimizers.net" -D "rule=$rule"
    done
    # shellcheck disable=SC2046
    "$figure" "$guide/optimizers.svg" "one problem, six optimizers" epoch "training loss" ylog \
        $(series train_loss sgd=rule_sgd momentum=rule_momentum nesterov=rule_nesterov adagrad=rule_adagrad rmsprop=rule_rmsprop adam=rule_adam)

    model=$guide/babysitting.net
    "$netc" build -D last=0.1 "$model" -o "$work/sure.exe"
    quoted sanity_sure ./sure.exe sanity --data fashion
    run babysitting "$model"
    quoted sanity ./babysitting.exe sanity --data fashion
    quoted lr_range ./babysitting.exe lr-range --data fashion --picture "$guide/lr_range.svg"
    quoted stats ./babysitting.exe stats --data fashion --weights babysitting/best.safetensors
    quoted adversarial ./babysitting.exe adversarial --data fashion --weights babysitting/best.safetensors
}

page_search() {
    "$netc" build examples/search_fashion.net -o "$work/sought"
    (cd "$work" && ./sought search --plain --threads "$threads" --data fashion --trials 20 --stages 2 --epochs 3 --out search \
        $([ ! -f search/search.jsonl ] || echo --resume)) >"$work/search.out" 2>"$work/search.err"
    cp "$work/search/search.svg" "$guide/search.svg"
    { echo '```'; head -n 12 "$work/search.out"; echo "..."; tail -n 3 "$work/search.out"; echo '```'; } >"$work/search.txt"
}

# A table of examples/experiments/expected/, which tests compare with runs, as a block.
expected() {
    { echo '```'; grep -v '^#' "examples/experiments/expected/$2.txt"; echo '```'; } >"$work/$1.txt"
}

page_experiments() {
    expected spread activations
    expected two_layer rates
    expected descents optimizers
    expected normalised batchnorm
    expected masks dropout
}

# The output of netc's commands in a page, and what runs left, put in again.
refresh() {
    awk -v netc="$netc" -v work="$work" -f scripts/refresh.awk "$1" >"$work/page"
    cmp -s "$work/page" "$1" || cp "$work/page" "$1"
}

pages=${*:-backpropagation activations convolution training experiments data committees search}
for page in $pages; do
    "page_$page"
    [ ! -f "$guide/$page.md" ] || refresh "$guide/$page.md"
done
