// A buildlight lamp on an Arduino Uno or Nano, for the Arduino IDE: open this file, choose the
// board and its port, and press Upload. The program is in main.c, which brings its own main();
// the pins stand in pins.h.
