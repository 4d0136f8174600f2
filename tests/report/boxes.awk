# Reads `netc graph --format svg`: no two boxes may overlap, and all lie in the picture.
function attribute(name) {
    return match($0, name "=\"[0-9.-]+") ? substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 2) + 0 : -1
}
/^<svg / { width = attribute(" width"); height = attribute(" height") }
/^<rect class="box/ {
    n++
    left[n] = attribute(" x"); top[n] = attribute(" y")
    right[n] = left[n] + attribute(" width"); bottom[n] = top[n] + attribute(" height")
    if (left[n] < 0 || top[n] < 0 || right[n] > width || bottom[n] > height) {
        print "a box outside the picture: " $0
        bad = 1
    }
}
/^<path class="arrow"/ { arrows++ }
END {
    for (i = 1; i <= n; i++)
        for (j = i + 1; j <= n; j++)
            if (left[i] < right[j] && left[j] < right[i] && top[i] < bottom[j] && top[j] < bottom[i]) {
                print "boxes " i " and " j " overlap"
                bad = 1
            }
    if (n < 2 || arrows < n - 1) { print n " boxes, " arrows " arrows"; bad = 1 }
    exit bad
}
