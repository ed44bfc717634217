#!/bin/sh
# Makes every media file of the fake: drawn faces, synthetic speech, and a small video.
# Nothing is taken from anywhere, so the files carry the licence of the project.
# Needs ImageMagick (convert), espeak-ng and ffmpeg; run it only to change the files.
set -eu
cd "$(dirname "$0")"

# face FILE SKIN HAIR SHIRT: a frontal face with eyes, brows, nose and mouth.
face() {
    convert -size 384x384 "gradient:#dfe7ee-#b9c6d2" \
        -fill "$4" -draw "ellipse 192,400 150,90 0,360" \
        -fill "$3" -draw "ellipse 192,160 108,128 0,360" \
        -fill "$2" -draw "roundrectangle 162,250 222,330 20,20" \
        -fill "$2" -draw "ellipse 192,190 88,112 0,360" \
        -fill "$3" -draw "ellipse 192,95 84,40 180,360" \
        -fill white -draw "ellipse 156,172 19,11 0,360 ellipse 228,172 19,11 0,360" \
        -fill "#3a2a20" -draw "circle 156,172 156,180 circle 228,172 228,180" \
        -stroke "$3" -strokewidth 6 -fill none \
        -draw "path 'M 134,150 Q 156,138 176,150' path 'M 208,150 Q 228,138 250,150'" \
        -stroke "#00000055" -strokewidth 4 -draw "path 'M 192,180 Q 182,216 194,220'" \
        -stroke "#a03c3c" -strokewidth 8 -draw "path 'M 158,252 Q 192,274 226,252'" \
        -stroke none -blur 0x0.8 -quality 78 -strip "$1"
}
face anna.jpg "#e8b796" "#5a3825" "#7a4f8f"
face ben.jpg "#a8744f" "#1d1613" "#2f6f5e"

# speech FILE VOICE TEXT
speech() {
    espeak-ng -v "$2" -s 150 --stdout "$3" |
        ffmpeg -v error -y -i - -ac 1 -ar 16000 -b:a 16k -map_metadata -1 -bitexact "$1"
}
speech hello-en.mp3 en "Hello, and welcome. This is a rehearsal."
speech hallo-de.mp3 de "Hallo und willkommen. Dies ist eine Probe."
speech hola-es.mp3 es "Hola y bienvenidos. Esto es un ensayo."

# One second of a moving pattern with a tone; the fake stretches it to other lengths.
ffmpeg -v error -y -f lavfi -i "testsrc2=size=160x160:rate=5:duration=1" \
    -f lavfi -i "sine=frequency=330:sample_rate=16000:duration=1" \
    -c:v libx264 -profile:v baseline -pix_fmt yuv420p -crf 40 -preset veryslow \
    -c:a aac -b:a 12k -ac 1 -shortest -movie_timescale 1000 \
    -movflags +faststart -map_metadata -1 -bitexact video.mp4
ls -l
