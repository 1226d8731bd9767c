import{a,b,c,d,e}from"./chunk.DBDH3YBK.js";import"./chunk.SPI6CALG.js";export{d as again,a as choose,e as drop,b as restore,c as sent};
